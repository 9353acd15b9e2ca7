#!/usr/bin/python3
"""A transaction of hits touches no server, as drivers begin it; what is no hit runs in a real one; limits and notifications are kept."""
import asyncio
import os
import sys
import unittest

import asyncpg
import psycopg2

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import wire  # noqa: E402
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.serving import wait_for_hit, wait_until_serving  # noqa: E402

READ = "SELECT n FROM t WHERE id = 1"


@unittest.skipIf(DIRECT, "PostgreSQL begins at once")
class DeferredBegin(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = OwnCluster()
        cls.addClassCleanup(cls.cluster.remove)
        cls.cluster.run("CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 42), (2, 7)")
        cls.larder = Larder(cls.cluster.server)
        cls.addClassCleanup(cls.larder.stop)
        wait_until_serving(cls.larder)

    def connect(self):
        connection = psycopg2.connect(host="127.0.0.1", port=self.larder.port, user="postgres", dbname="postgres")
        self.addCleanup(connection.close)
        return connection

    def ask(self, connection, text):
        with connection.cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchall() if cursor.description else None

    def warm(self, connection):
        connection.autocommit = True
        wait_for_hit(self.larder, lambda: self.ask(connection, READ))
        connection.autocommit = False

    def begun(self):
        return self.larder.metric("larder_deferred_begins_total"), self.larder.metric("larder_deferred_begins_made_real_total")

    def test_psycopg2s_own_transactions_of_hits_are_never_seen_by_the_server(self):
        connection = self.connect()
        self.warm(connection)
        pid = connection.info.backend_pid
        begun, made_real = self.begun()
        for _ in range(20):
            self.assertEqual(self.ask(connection, READ), [(42,)])
            self.assertEqual(self.ask(connection, READ), [(42,)])
            self.assertEqual(connection.info.transaction_status, psycopg2.extensions.TRANSACTION_STATUS_INTRANS)
            self.assertEqual(self.cluster.run("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"), [(0,)])
            connection.commit()
        self.assertEqual(self.begun(), (begun + 20, made_real))
        self.assertIsNotNone(pid)

    def test_asyncpgs_transactions(self):
        async def run():
            connection = await asyncpg.connect(host="127.0.0.1", port=self.larder.port, user="postgres", database="postgres")
            try:
                for _ in range(5):
                    await connection.fetch(READ)
                begun, made_real = self.begun()
                async with connection.transaction():
                    self.assertEqual([row["n"] for row in await connection.fetch(READ)], [42])
                self.assertEqual(self.begun(), (begun + 1, made_real))
                with self.assertRaises(ZeroDivisionError):
                    async with connection.transaction():
                        await connection.execute("UPDATE t SET n = 0 WHERE id = 2")
                        raise ZeroDivisionError
                self.assertEqual(await connection.fetchval("SELECT n FROM t WHERE id = 2"), 7)
            finally:
                await connection.close()
        asyncio.run(run())

    def test_what_is_written_in_one_is_one_transaction(self):
        connection, other = self.connect(), self.connect()
        other.autocommit = True
        self.warm(connection)
        self.assertEqual(self.ask(connection, READ), [(42,)])
        self.ask(connection, "UPDATE t SET n = 43 WHERE id = 1")
        self.assertEqual(self.ask(connection, READ), [(43,)])
        self.assertEqual(self.ask(other, READ), [(42,)])
        connection.rollback()
        self.assertEqual(self.ask(other, READ), [(42,)])
        self.assertEqual(self.ask(connection, READ), [(42,)])
        self.ask(connection, "UPDATE t SET n = 43 WHERE id = 1")
        connection.commit()
        self.assertEqual(self.ask(other, READ), [(43,)])
        self.ask(other, "UPDATE t SET n = 42 WHERE id = 1")

    def test_an_error_fails_the_block_as_ever(self):
        connection = self.connect()
        self.warm(connection)
        self.ask(connection, READ)
        with self.assertRaises(psycopg2.errors.DivisionByZero):
            self.ask(connection, "SELECT 1 / (n - n) FROM t WHERE id = 1")
        with self.assertRaises(psycopg2.errors.InFailedSqlTransaction):
            self.ask(connection, READ)
        connection.rollback()
        self.assertEqual(self.ask(connection, READ), [(42,)])

    def test_a_block_idle_for_too_long_is_ended(self):
        with wire.Connection("127.0.0.1", self.larder.port) as connection:
            connection.login("postgres", "postgres")

            def ask(text):
                connection.send(wire.query(text))
                return connection.read_until((b"Z",), 1)
            ask("SET idle_in_transaction_session_timeout = '200ms'")
            wait_for_hit(self.larder, lambda: ask(READ))
            begun, made_real = self.begun()
            ask("BEGIN")
            ask(READ)
            self.assertEqual(self.begun(), (begun + 1, made_real))
            kind, body = connection.read_messages_to_end()[0]
        self.assertEqual(kind, b"E")
        self.assertIn(b"C25P03\0", body)
        self.assertIn(b"terminating connection due to idle-in-transaction timeout", body)

    def test_a_notification_comes_when_the_block_ends(self):
        listener, notifier = self.connect(), self.connect()
        notifier.autocommit = True
        self.warm(listener)
        listener.autocommit = True
        self.ask(listener, "LISTEN news")
        listener.autocommit = False
        self.ask(listener, READ)
        self.ask(notifier, "NOTIFY news, 'first'")
        self.assertEqual(self.ask(listener, READ), [(42,)])
        self.assertEqual(listener.notifies, [])
        listener.commit()

        def heard():
            listener.autocommit = True
            self.ask(listener, "SELECT 1 WHERE random() < 2")
            listener.autocommit = False
            return [one.payload for one in listener.notifies]
        self.assertEqual(eventually(heard, "the notification comes"), ["first"])


if __name__ == "__main__":
    unittest.main()
