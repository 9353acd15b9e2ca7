"""Every other form that `larder advise` writes gives the same rows, whatever the session's time zone; and where a rule does not hold,
it writes none. check(uri, advise): the database holds the shop, advise asks questions as in advisor_test.py."""
import psycopg2

ZONES = ("UTC", "America/New_York", "Australia/Lord_Howe")

# Statements of which at least one other form is written (each is compared), and how often the rules are tempted is the point.
REWRITTEN = """
select id, total from orders where extract(epoch from '2026-06-29 12:00+00'::timestamptz - placed_at) < 3600*5
select id, total from orders where '2026-06-29 12:00+00'::timestamptz - placed_at < interval '1 day'
select id, total from orders where placed_at - '2026-06-28 12:00+00'::timestamptz > interval '1 day 3 hours'
select id from orders where placed_at + interval '30 minutes' > '2026-06-29 22:00+00'
select id from orders where '2026-06-29 22:00+00'::timestamptz < placed_at + interval '30 minutes'
select id from orders where placed_at + interval '1 day' > '2026-06-29 22:00+00'
select id from orders where placed_at::date in ('2026-03-08', '2026-03-09', '2026-04-05')
select id from orders where date_trunc('month', placed_at) = date_trunc('month', timestamptz '2026-03-08 12:00+00')
select id from orders where status = 'pending' or status = 'paid' or status = 'shipped' order by placed_at limit 20
select id from orders where user_id = 5 or user_id = 7
select * from reviews where (rating=1 or rating=2) and created_at>'2026-06-01'
select o.id, u.email from orders o join users u on u.id = o.user_id where u.email='anna.smith17@example.com' or o.total > 2700
(select o.id from orders o join users u on u.id = o.user_id where u.email='hugo.novak1@example.com' or o.total=5) union all select id from orders where id < 3
select id from orders where id < 2000 except (select o.id from orders o join users u on u.id = o.user_id where u.email='hugo.novak1@example.com' or o.total > 2000)
select u.id, u.email from users u left join orders o on o.user_id=u.id where u.email='x' or o.total>2700
select o.id, u.id from orders o join users u on u.id = o.user_id where u.email='hugo.novak1@example.com' or o.total > 2700
select o.user_id, u.name from orders o join users u on u.id = o.user_id where u.email like 'hugo%' or o.total > 2700
select o.id, o.total, i.line from orders o join order_items i on i.order_id=o.id where o.total > 2700 or i.variant_id = 5
select id from orders where exists (select o.id from orders o join users u on u.id = o.user_id where u.email='hugo.novak1@example.com' or o.total > 2700)
select distinct u.id, u.name from users u join reviews r on r.user_id=u.id where r.rating=1
select count(*) from (select distinct u.id from users u join reviews r on r.user_id=u.id where r.rating=1) s
select p.id, (select count(*) from reviews r where r.product_id=p.id), (select max(created_at) from reviews r where r.product_id=p.id and rating=5) from products p where p.id<500
select p.id from products p where (select avg(rating) from reviews r where r.product_id=p.id) > 4.5
select c.id, (select count(*) from products p where p.category_id=c.parent_id) from categories c
select id from users where id not in (select user_id from reviews where rating = 1)
select id from addresses where id not in (select shipping_address_id from orders)
select id from addresses where id not in (select shipping_address_id from orders where shipping_address_id is not null)
select o.id, o.user_id from orders o where o.placed_at = (select max(placed_at) from orders x where x.user_id=o.user_id) and o.status='paid'
select r.id from reviews r where r.rating = (select min(q.rating) from reviews q where q.product_id = r.product_id)
with x as materialized (select * from reviews) select id from x where order_id=77
select id from reviews where coalesce(order_id, 0) < 5
select id from reviews where coalesce(order_id, 0) >= 7900
select id from orders where id::text in ('5','77','0088')
select id from orders where status::text = 'pending'
select id from orders where user_id = 5.0
select id from orders where user_id > 9990.5
select id from orders where id + 5 = 100
select id from orders where 100 - id > 5
select id from orders where total - 100 >= 2500
select id from products where 'limited' = any(tags) and 'recycled' = any(tags)
select id from orders where to_char(placed_at,'YYYY-MM-DD') = '2026-03-08'
select id from orders where to_char(placed_at,'YYYY') = '2023' and total>2000
select id from orders where extract(year from placed_at) in (2023)
select id from orders where extract(year from placed_at) between 2023 and 2023
select id from orders where placed_at::date between '2026-03-07' and '2026-03-09'
select id from orders where placed_at::date <> '2026-03-07' and total > 2600
select id from orders where current_timestamp - placed_at between interval '149 days' and interval '151 days'
select id from orders where date(placed_at) = date(now() - interval '151 days')
select id from orders where total + 5 between 2600 and 2700
select id from orders where id::text between '5' and '6'
select o.id, u.email from orders o join users u on u.id = o.user_id where u.email='anna.smith17@example.com' or o.total > 2700
select o.id, u.id from orders o join users u on u.id = o.user_id where u.email='hugo.novak1@example.com' or o.total > 2700
select id from orders where now() - placed_at < interval '160 days'
select id from orders where now() - placed_at < 150 * interval '1 day'
select id from orders where current_timestamp - placed_at between interval '149 days' and interval '151 days'
select id from orders where placed_at::date = current_date - 150
select id from orders where date(placed_at) = date(now() - interval '151 days')
select id from orders where date_trunc('day', placed_at) = date_trunc('day', now() - interval '151 days')
select id from orders where date_trunc('week', placed_at) >= date_trunc('week', now() - interval '151 days')
select id from orders where date_trunc('day', placed_at) = current_date - 150
select id from orders where date_trunc('quarter', placed_at) = date_trunc('month', now())
"""

# Keys of a table that others inherit from hold for its own rows only; a month is not one length; text is not a number.
KEPT = """
select id, b from heirs.parent where a = 5 union select id, b from heirs.parent where a = 6
select distinct id, a from heirs.parent where a < 50
select p.id from heirs.parent p join orders o on o.id = p.a where p.b = 'x7' or o.total = 5
select id from heirs.parent where id not in (select id from heirs.parent where a = 4)
select id from orders where placed_at + interval '1 month' > '2026-06-29 22:00+00'
select id from orders where placed_at + interval '1 day' > '2026-06-29 22:00+00'
select id from orders where date_trunc('quarter', placed_at) = date_trunc('month', now())
select id from addresses where id not in (select shipping_address_id from orders)
select o.user_id, u.name from orders o join users u on u.id = o.user_id where u.email like 'hugo%' or o.total > 2700
select id from orders where (status = 'paid') is true or user_id = 7 or user_id = 8
"""

SETUP = """
CREATE SCHEMA heirs;
CREATE TABLE heirs.parent (id int PRIMARY KEY, a int NOT NULL, b text);
CREATE TABLE heirs.child () INHERITS (heirs.parent);
INSERT INTO heirs.parent SELECT n, n % 100, 'x' || n FROM generate_series(1, 20000) AS n;
INSERT INTO heirs.child SELECT n, n % 100, 'x' || n FROM generate_series(1, 20000) AS n;
ANALYZE heirs.parent;
ANALYZE heirs.child;
"""


def rows(cursor, sql):
    cursor.execute(f"SELECT s::text, count(*) FROM ({sql}) AS s GROUP BY 1 ORDER BY 1")
    return cursor.fetchall()


def forms(answer):
    return [one["rewrite"] for one in [answer] + answer["others"] if one["rewrite"]]


def check(uri, advise):
    connection = psycopg2.connect(uri)
    cursor = connection.cursor()
    cursor.execute(SETUP)
    connection.commit()
    asked = [line for line in REWRITTEN.splitlines() if line]
    compared = 0
    for sql, answer in zip(asked, advise(uri, *({"id": n, "sql": sql} for n, sql in enumerate(asked)))):
        for form in forms(answer):
            for zone in ZONES:
                cursor.execute("SET LOCAL TimeZone = %s", [zone])
                assert rows(cursor, sql) == rows(cursor, form), f"other rows in {zone}: {sql}\n{form}"
            compared += 1
        connection.rollback()
    assert compared >= 30, compared
    kept = [line for line in KEPT.splitlines() if line]
    for sql, answer in zip(kept, advise(uri, *({"id": n, "sql": sql} for n, sql in enumerate(kept)))):
        assert not forms(answer), f"{sql}\n{forms(answer)}"
    cursor.execute("DROP SCHEMA heirs CASCADE")
    connection.commit()
    connection.close()
