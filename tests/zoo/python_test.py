#!/usr/bin/python3
"""Python's clients and object mappers, each reading until its reads are hits, with writes between: what they read is what PostgreSQL has."""
import asyncio
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.zoo import ZooCase  # noqa: E402

BY_ID = "SELECT id, name, price, stock, made, tags, score FROM item WHERE id = {}"
TRUTH = BY_ID.format(7)


class Psycopg2(ZooCase):
    database = "larder_zoo_psycopg2"

    def setUp(self):
        self.connection = self.through.connect(self.database)
        self.cursor = self.connection.cursor()
        self.addCleanup(self.connection.close)

    def rows(self, sql, values=None):
        self.cursor.execute(sql, values)
        return self.cursor.fetchall()

    def test_autocommit(self):
        self.cycle(lambda: self.rows(BY_ID.format("%s"), (7,)), lambda: self.cursor.execute("UPDATE item SET stock = stock + 1 WHERE id = %s", (7,)), TRUTH)

    def test_blocks(self):
        self.connection.autocommit = False

        def write():
            self.cursor.execute("UPDATE item SET price = price + 1 WHERE id = 7")
            self.cursor.execute("SELECT price FROM item WHERE id = 7")
            self.cursor.fetchall()
            self.connection.commit()

        def read():
            rows = self.rows(TRUTH)
            self.connection.commit()
            return rows

        self.cycle(read, write, TRUTH)
        self.cursor.execute("UPDATE item SET price = 0 WHERE id = 7")
        self.connection.rollback()
        self.assertEqual(read(), self.truth(TRUTH))

    def test_copy_and_named_cursor(self):
        import io
        numbers = iter(range(1000, 2000))
        total = "SELECT count(*), sum(stock) FROM item"
        self.cycle(lambda: self.rows(total), lambda: self.cursor.copy_expert("COPY item (id, name, stock) FROM STDIN", io.StringIO(f"{next(numbers)}\tcopied\t5\n")), total)
        out = io.StringIO()
        self.cursor.copy_expert("COPY (SELECT id, name FROM item ORDER BY id) TO STDOUT", out)
        self.assertEqual(len(out.getvalue().splitlines()), self.truth("SELECT count(*) FROM item")[0][0])
        self.connection.autocommit = False
        with self.connection.cursor("named") as named:
            named.itersize = 10
            named.execute("SELECT id FROM item ORDER BY id")
            self.assertEqual([row[0] for row in named], [row[0] for row in self.truth("SELECT id FROM item ORDER BY id")])
        self.connection.rollback()

    def test_notices_notifications_and_errors(self):
        import select

        import psycopg2
        self.cursor.execute("DO $$BEGIN RAISE NOTICE 'hello'; END$$")
        self.assertIn("hello", self.connection.notices[-1])
        self.cursor.execute("LISTEN zoo")
        other = self.through.connect(self.database)
        other.cursor().execute("NOTIFY zoo, 'payload'")
        self.assertTrue(select.select([self.connection], [], [], 20)[0])
        self.connection.poll()
        self.assertEqual(self.connection.notifies[0].payload, "payload")
        other.close()
        with self.assertRaises(psycopg2.errors.UniqueViolation) as caught:
            self.cursor.execute("INSERT INTO item (id, name, stock) VALUES (7, 'twin', 1)")
        self.assertEqual(caught.exception.diag.constraint_name, "item_pkey")
        with self.assertRaises(psycopg2.errors.DivisionByZero):
            self.cursor.execute("SELECT 1 / 0")


class Psycopg3(ZooCase):
    database = "larder_zoo_psycopg3"

    def setUp(self):
        import psycopg
        self.connection = psycopg.connect(self.through.uri(self.database), autocommit=True)
        self.addCleanup(self.connection.close)

    def test_text_binary_and_prepared(self):
        for options in ({}, {"binary": True}, {"prepare": True}, {"prepare": True, "binary": True}, {"prepare": False}):
            with self.subTest(options):
                self.cycle(lambda: self.connection.execute(BY_ID.format("%s"), (7,), **options).fetchall(),
                           lambda: self.connection.execute("UPDATE item SET stock = stock + %s WHERE id = %s", (1, 7)), TRUTH)

    def test_pipeline(self):
        def read():
            with self.connection.pipeline():
                cursors = [self.connection.execute(BY_ID.format("%s"), (i,)) for i in (7, 8, 7)]
                return [row for cursor in cursors for row in cursor.fetchall()]

        def write():
            with self.connection.pipeline():
                self.connection.execute("UPDATE item SET stock = stock + 1 WHERE id = %s", (7,))
                self.connection.execute("INSERT INTO sale (item_id, pieces) VALUES (%s, 1)", (7,))

        truth = lambda: [row for i in (7, 8, 7) for row in self.truth(BY_ID.format(i))]  # noqa: E731
        for _ in range(3):
            self.assertEqual(read(), truth())
            write()
            self.assertEqual(read(), truth())
        with self.connection.pipeline() as pipeline:
            self.connection.execute("UPDATE item SET stock = 0 WHERE id = 7")
            broken = self.connection.execute("SELECT 1 / (stock - stock) FROM item WHERE id = %s", (7,))
            import psycopg
            with self.assertRaises(psycopg.Error):
                pipeline.sync()
                broken.fetchall()
        self.assertEqual(read(), truth())
        self.cycle(lambda: self.connection.execute(TRUTH).fetchall(), write, TRUTH)

    def test_transactions_and_copy(self):
        def write():
            with self.connection.transaction():
                self.connection.execute("UPDATE item SET stock = stock + 1 WHERE id = 7")
                with self.connection.transaction(force_rollback=True):
                    self.connection.execute("UPDATE item SET stock = 0 WHERE id = 7")
        self.cycle(lambda: self.connection.execute(TRUTH).fetchall(), write, TRUTH)
        with self.connection.cursor().copy("COPY item (id, name, stock) FROM STDIN") as copy:
            for i in range(500, 600):
                copy.write_row((i, f"copied {i}", 1))
        total = "SELECT count(*) FROM item"
        self.assertEqual(self.connection.execute(total).fetchall(), self.truth(total))
        with self.connection.transaction(), self.connection.cursor(name="server_side") as cursor:
            cursor.itersize = 7
            cursor.execute("SELECT id FROM item ORDER BY id")
            self.assertEqual(cursor.fetchall(), self.truth("SELECT id FROM item ORDER BY id"))


class Asyncpg(ZooCase):
    database = "larder_zoo_asyncpg"

    def run_async(self, body):
        import asyncpg

        async def whole():
            connection = await asyncpg.connect(self.through.uri(self.database))
            try:
                await body(connection)
            finally:
                await connection.close()
        asyncio.run(whole())

    async def cycle_async(self, read, write, truth):
        for _ in range(3):
            before, tries = self.larder.hits(), 0
            while True:
                self.assertEqual([tuple(row) for row in await read()], self.truth(truth))
                tries += 1
                if tries > 2 and (self.larder.hits() > before or self.larder.process is None):
                    break
                self.assertLess(tries, 1000, "no hit")
                await asyncio.sleep(0.02)
            await write()
            self.assertEqual([tuple(row) for row in await read()], self.truth(truth))

    def test_fetch_and_prepared(self):
        async def body(connection):
            await self.cycle_async(lambda: connection.fetch(BY_ID.format("$1"), 7), lambda: connection.execute("UPDATE item SET stock = stock + 1 WHERE id = $1", 7), TRUTH)
            statement = await connection.prepare(BY_ID.format("$1"))
            await self.cycle_async(lambda: statement.fetch(7), lambda: connection.execute("UPDATE item SET price = price + 1 WHERE id = 7; INSERT INTO sale (item_id, pieces) VALUES (7, 1)"), TRUTH)
        self.run_async(body)

    def test_transactions_cursors_copy_and_many(self):
        async def body(connection):
            async def write():
                async with connection.transaction():
                    await connection.executemany("INSERT INTO sale (item_id, pieces) VALUES ($1, $2)", [(i, 2) for i in range(1, 20)])
            await self.cycle_async(lambda: connection.fetch("SELECT * FROM sold ORDER BY id"), write, "SELECT * FROM sold ORDER BY id")
            async with connection.transaction():
                got = [row["id"] async for row in connection.cursor("SELECT id FROM item ORDER BY id", prefetch=7)]
            self.assertEqual([(i,) for i in got], self.truth("SELECT id FROM item ORDER BY id"))
            await connection.copy_records_to_table("item", records=[(i, f"c{i}", 1) for i in range(700, 800)], columns=["id", "name", "stock"])
            self.assertEqual([tuple(await connection.fetchrow("SELECT count(*) FROM item"))], self.truth("SELECT count(*) FROM item"))
            heard = asyncio.get_running_loop().create_future()
            await connection.add_listener("zoo", lambda *args: heard.done() or heard.set_result(args[3]))
            await connection.execute("NOTIFY zoo, 'payload'")
            self.assertEqual(await asyncio.wait_for(heard, 20), "payload")
            sleeping = asyncio.ensure_future(connection.execute("SELECT pg_sleep(300)"))
            while not self.truth(f"SELECT 1 FROM pg_stat_activity WHERE datname = '{self.database}' AND wait_event = 'PgSleep'"):
                await asyncio.sleep(0.02)
            sleeping.cancel()  # asyncpg sends a CancelRequest
            with self.assertRaises(asyncio.CancelledError):
                await sleeping
            self.assertEqual(await connection.fetchval("SELECT 1"), 1)
        self.run_async(body)


class SqlAlchemy(ZooCase):
    database = "larder_zoo_sqlalchemy"

    def test_orm(self):
        import sqlalchemy as sa
        from sqlalchemy import orm
        base = orm.declarative_base()

        class Item(base):
            __tablename__ = "item"
            id = sa.Column(sa.Integer, primary_key=True)
            name, stock = sa.Column(sa.Text), sa.Column(sa.Integer)
            sales = orm.relationship("Sale", back_populates="item", order_by="Sale.id")

        class Sale(base):
            __tablename__ = "sale"
            id, item_id = sa.Column(sa.Integer, primary_key=True), sa.Column(sa.ForeignKey("item.id"))
            pieces, item = sa.Column(sa.Integer), orm.relationship("Item", back_populates="sales")

        engine = sa.create_engine(self.through.uri(self.database, "postgresql+psycopg2"))
        self.addCleanup(engine.dispose)

        def read():
            with orm.Session(engine) as session:
                item = session.get(Item, 7)
                return [(item.id, item.name, item.stock, sum(sale.pieces for sale in item.sales))]

        def write():
            with orm.Session(engine) as session:
                item = session.get(Item, 7)
                item.stock += 1
                item.sales.append(Sale(pieces=3))
                session.commit()
        self.cycle(read, write, "SELECT id, name, stock, (SELECT sum(pieces) FROM sale WHERE item_id = item.id)::int FROM item WHERE id = 7")
        with orm.Session(engine) as session:
            session.get(Item, 7).stock = -5
            session.flush()
            session.rollback()
            session.add(Item(id=900, name="new", stock=1))
            session.commit()
            self.assertEqual(session.query(Item).filter(Item.id == 900).one().name, "new")
            session.delete(session.get(Item, 900))
            session.commit()
            self.assertEqual(session.query(sa.func.count(Item.id)).scalar(), self.truth("SELECT count(*) FROM item")[0][0])
        names = sa.inspect(engine).get_table_names()
        self.assertEqual(sorted(names), ["item", "sale"])


class Django(ZooCase):
    database = "larder_zoo_django"

    def test_orm(self):
        import django
        from django.conf import settings
        settings.configure(INSTALLED_APPS=[], USE_TZ=True, DATABASES={"default": {
            "ENGINE": "django.db.backends.postgresql", "NAME": self.database, "USER": self.through.user, "PASSWORD": self.through.password, "HOST": self.through.host, "PORT": self.through.port}})
        django.setup()
        from django.db import connection, models, transaction

        class Item(models.Model):
            name, stock = models.TextField(), models.IntegerField()

            class Meta:
                app_label, db_table, managed = "zoo", "item", False

        class Sale(models.Model):
            item, pieces = models.ForeignKey(Item, on_delete=models.CASCADE), models.IntegerField()

            class Meta:
                app_label, db_table, managed = "zoo", "sale", False

        self.addCleanup(connection.close)

        def write():
            with transaction.atomic():
                Item.objects.filter(pk=7).update(stock=models.F("stock") + 1)
                Sale.objects.create(item_id=7, pieces=1)

        def read():
            return [(*item, Sale.objects.filter(item__stock=item[1], item_id=7).aggregate(sold=models.Sum("pieces"))["sold"]) for item in Item.objects.filter(pk=7).values_list("id", "stock")]

        self.cycle(read, write, "SELECT id, stock, (SELECT sum(pieces) FROM sale WHERE item_id = 7)::int FROM item WHERE id = 7")
        Item.objects.create(id=901, name="x", stock=1).delete()
        Item.objects.bulk_create([Item(id=i, name="bulk", stock=i) for i in range(910, 920)])
        self.assertEqual(list(Item.objects.order_by("id").values_list("id")), self.truth("SELECT id FROM item ORDER BY id"))
        with self.assertRaises(ValueError), transaction.atomic():
            Item.objects.filter(pk=7).update(stock=0)
            raise ValueError
        self.assertEqual(read()[0][1], self.truth("SELECT stock FROM item WHERE id = 7")[0][0])
        self.assertEqual(len(list(Item.objects.order_by("id").iterator(chunk_size=9))), Item.objects.count())


class Pg8000(ZooCase):
    database = "larder_zoo_pg8000"

    def test_dbapi(self):
        import pg8000
        connection = pg8000.connect(user=self.through.user, host=self.through.host, port=self.through.port, database=self.database, password=self.through.password or None)
        self.addCleanup(connection.close)
        cursor = connection.cursor()

        def read():
            cursor.execute("SELECT id, name, stock FROM item WHERE id = %s", (7,))
            rows = [tuple(row) for row in cursor.fetchall()]
            connection.commit()
            return rows

        def write():
            cursor.execute("UPDATE item SET stock = stock + 1 WHERE id = %s", (7,))
            connection.commit()
        # This client asks for a hundred rows at a time from portals that it leaves open: such a read is never looked up, only passed on.
        for _ in range(20):
            self.assertEqual(read(), self.truth("SELECT id, name, stock FROM item WHERE id = 7"))
            self.assertEqual(read(), self.truth("SELECT id, name, stock FROM item WHERE id = 7"))
            write()


if __name__ == "__main__":
    unittest.main()
