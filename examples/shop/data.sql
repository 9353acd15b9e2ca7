-- Fills the shop. :scale 1 gives about one and a half million rows; the same scale gives the same rows, whenever and
-- wherever it runs: the seed is fixed, and "today" is 2026-06-30. Popularity is skewed as in life: a few products, users
-- and categories have most of the orders.
\set users       50000
\set products    20000
\set orders      200000
\set reviews     120000
\set carts       25000

SET max_parallel_workers_per_gather = 0;  -- random() must be asked in one order
SET TIME ZONE 'UTC';
SET synchronous_commit = off;
SELECT setseed(0.42) \g /dev/null

-- One number per table; at the smallest scales every table still has some rows.
CREATE TEMP TABLE size AS
SELECT greatest(50, round(:users * :scale))::int AS users, greatest(40, round(:products * :scale))::int AS products,
       greatest(100, round(:orders * :scale))::int AS orders, greatest(80, round(:reviews * :scale))::int AS reviews,
       greatest(20, round(:carts * :scale))::int AS carts;

-- pick(words): one of them, the first ones more often. skewed(n): 1 to n, the low numbers far more often.
CREATE FUNCTION pg_temp.pick(words text[]) RETURNS text LANGUAGE sql VOLATILE AS
$$ SELECT words[1 + floor(power(random(), 1.5) * array_length(words, 1))::int] $$;
CREATE FUNCTION pg_temp.skewed(n bigint) RETURNS bigint LANGUAGE sql VOLATILE AS
$$ SELECT 1 + floor(power(random(), 3) * n)::bigint $$;

\echo 'users and addresses'
INSERT INTO users (id, email, name, language, is_active, preferences, created_at, last_login_at)
SELECT n, lower(first || '.' || last) || n || '@example.com', first || ' ' || last, language, random() > 0.03,
       jsonb_build_object('newsletter', random() < 0.3, 'theme', pg_temp.pick('{light,dark,auto}')), created,
       CASE WHEN random() < 0.9 THEN created + random() * (timestamptz '2026-06-30' - created) END
FROM (SELECT n, pg_temp.pick('{Anna,Ben,Clara,David,Elif,Felix,Greta,Hugo,Ida,Jonas,Karin,Luca,Mia,Noah,Olga,Paul}') AS first,
             pg_temp.pick('{Smith,Muller,Rossi,Garcia,Novak,Jensen,Dubois,Silva,Kowalski,Weber,Larsen,Costa,Moreau,Fischer}') AS last,
             pg_temp.pick('{en,de,fr,it,es,pl}') AS language,
             timestamptz '2023-01-01' + random() * interval '1270 days' AS created
      FROM generate_series(1, (SELECT users FROM size)) AS n) AS person;

-- The first address of a user has the user's number; every second user has another one.
INSERT INTO addresses (id, user_id, label, street, postal_code, city, country, is_default)
SELECT CASE WHEN which = 1 THEN u.id ELSE (SELECT users FROM size) + (u.id + 1) / 2 END, u.id,
       CASE WHEN which = 1 THEN 'home' ELSE pg_temp.pick('{work,parents,"parcel shop"}') END,
       pg_temp.pick('{Main Street,Station Road,Park Lane,Mill Way,Church Street,High Street,Garden Row}') || ' ' || 1 + floor(random() * 180)::int,
       lpad(floor(random() * 99999)::int::text, 5, '0'), pg_temp.pick('{Berlin,Paris,Madrid,Roma,Warszawa,Wien,Praha,Porto,Gent,Lyon}'),
       pg_temp.pick('{DE,FR,ES,IT,PL,AT,CZ,PT,BE}'), which = 1
FROM users u, generate_series(1, 1 + (u.id % 2)::int) AS which
ORDER BY which, u.id;

\echo 'categories and products'
-- Three levels: 6, 6 * 4 and 24 * 4.
INSERT INTO categories (id, parent_id, slug, name, position)
SELECT n, NULL, lower(name), name, n::int FROM unnest('{Clothing,Home,Electronics,Sports,Garden,Books}'::text[]) WITH ORDINALITY AS top (name, n);
INSERT INTO categories (id, parent_id, slug, name, position)
SELECT 6 + n, 1 + (n - 1) / 4, 'group-' || n, 'Group ' || n, (n - 1) % 4 FROM generate_series(1, 24) AS n;
INSERT INTO categories (id, parent_id, slug, name, position)
SELECT 30 + n, 7 + (n - 1) / 4, 'shelf-' || n, 'Shelf ' || n, (n - 1) % 4 FROM generate_series(1, 96) AS n;

INSERT INTO products (id, category_id, slug, name, description, brand, price, is_published, tags, attributes, created_at, updated_at)
SELECT n, 30 + pg_temp.skewed(96), lower(replace(name, ' ', '-')) || '-' || n, name,
       'A ' || lower(name) || ' for ' || pg_temp.pick('{everyday use,long journeys,small flats,big families,cold winters,quiet evenings}') || '. ' ||
           'Made to be ' || pg_temp.pick('{repaired,shared,handed down,taken along,washed often}') || ' and easy to ' ||
           pg_temp.pick('{store,clean,carry,mend,combine}') || '.',
       pg_temp.pick('{Nordwind,Lumen,Casa Verde,Altura,Fjord,Papillon,Kometa,Solido}'), price, random() > 0.02,
       (ARRAY(SELECT DISTINCT pg_temp.pick('{new,sale,organic,handmade,gift,winter,summer,recycled,limited}') FROM generate_series(1, 1 + n % 3))),
       jsonb_build_object('colour', pg_temp.pick('{black,white,blue,green,red,grey}'), 'weight_g', 50 + floor(random() * 5000)::int,
                          'material', material, 'warranty_months', 12 * (1 + floor(random() * 4)::int)),
       created, created + random() * (timestamptz '2026-06-30' - created)
FROM (SELECT n, material, pg_temp.pick('{Light,Warm,Classic,Foldable,Little,Sturdy,Soft,Modern}') || ' ' || initcap(material) || ' ' ||
                pg_temp.pick('{Jacket,Lamp,Kettle,Chair,Backpack,Blanket,Speaker,Notebook,Tent,Vase,Bottle,Watch}') AS name,
             round((3 + exp(random() * 5.5))::numeric, 2) AS price, timestamptz '2023-01-01' + random() * interval '1200 days' AS created
      FROM (SELECT n, pg_temp.pick('{wool,oak,steel,cotton,glass,linen,bamboo,copper}') AS material
            FROM generate_series(1, (SELECT products FROM size)) AS n) AS stuff) AS product;

-- Three variants and three pictures per product, so that variant v belongs to product (v + 2) / 3.
INSERT INTO product_variants (id, product_id, sku, name, price, attributes)
SELECT 3 * (p.id - 1) + which, p.id, 'SKU-' || lpad(p.id::text, 7, '0') || '-' || which, p.name || ', ' || (ARRAY['small', 'medium', 'large'])[which],
       round(p.price * (ARRAY[0.9, 1.0, 1.15])[which], 2), jsonb_build_object('size', (ARRAY['S', 'M', 'L'])[which])
FROM products p, generate_series(1, 3) AS which
ORDER BY p.id, which;
INSERT INTO product_images (id, product_id, url, alt, position)
SELECT 3 * (p.id - 1) + which, p.id, '/images/' || p.slug || '-' || which || '.webp', p.name || ', picture ' || which, which - 1
FROM products p, generate_series(1, 3) AS which
ORDER BY p.id, which;
INSERT INTO inventory (variant_id, on_hand, reserved, reorder_at, updated_at)
SELECT v.id, CASE WHEN random() < 0.08 THEN 0 ELSE floor(power(random(), 2) * 400)::int END, floor(power(random(), 6) * 8)::int,
       5 + floor(random() * 20)::int, timestamptz '2026-06-30' - random() * interval '40 days'
FROM product_variants v ORDER BY v.id;

\echo 'orders and order lines'
-- The lines first, so that an order is inserted with its total.
CREATE TEMP TABLE drawn AS
SELECT n AS id, 1 + floor(power(random(), 1.6) * (SELECT users FROM size))::bigint AS user_id,
       timestamptz '2026-06-30' - power(random(), 1.4) * interval '1000 days' AS placed_at, random() AS luck, 1 + floor(power(random(), 1.7) * 6)::int AS lines
FROM generate_series(1, (SELECT orders FROM size)) AS n;
CREATE TEMP TABLE drawn_lines AS
SELECT d.id AS order_id, line, v.id AS variant_id, d.quantity, v.price AS unit_price
FROM (SELECT d.id, line, 3 * (pg_temp.skewed((SELECT products FROM size)) - 1) + 1 + floor(random() * 3)::int AS variant_id,
             1 + floor(power(random(), 4) * 5)::int AS quantity
      FROM drawn d, generate_series(1, d.lines) AS line) AS d
JOIN product_variants v ON v.id = d.variant_id;
INSERT INTO orders (id, user_id, shipping_address_id, billing_address_id, status, total, placed_at, shipped_at)
SELECT d.id, d.user_id, d.user_id, d.user_id, status, t.total, d.placed_at,
       CASE WHEN status IN ('shipped', 'delivered', 'refunded') THEN d.placed_at + (0.5 + d.luck * 2) * interval '1 day' END
FROM (SELECT d.*, CASE WHEN placed_at > '2026-06-28' THEN CASE WHEN luck < 0.25 THEN 'pending' WHEN luck < 0.9 THEN 'paid' ELSE 'cancelled' END
                       WHEN placed_at > '2026-06-22' THEN CASE WHEN luck < 0.03 THEN 'paid' WHEN luck < 0.94 THEN 'shipped' ELSE 'cancelled' END
                       ELSE CASE WHEN luck < 0.92 THEN 'delivered' WHEN luck < 0.97 THEN 'cancelled' ELSE 'refunded' END END::order_status AS status
      FROM drawn d) AS d
JOIN (SELECT order_id, sum(quantity * unit_price) AS total FROM drawn_lines GROUP BY order_id) AS t ON t.order_id = d.id
ORDER BY d.id;
INSERT INTO order_items (order_id, line, variant_id, quantity, unit_price) SELECT * FROM drawn_lines ORDER BY order_id, line;

\echo 'stock movements, reviews and carts'
INSERT INTO stock_movements (variant_id, kind, quantity, note, moved_at)
SELECT v.id, 'receipt', 20 + floor(random() * 200)::int, 'delivery ' || which, timestamptz '2026-06-30' - random() * interval '360 days'
FROM product_variants v, generate_series(1, 2) AS which;
INSERT INTO stock_movements (variant_id, kind, quantity, note, moved_at)
SELECT i.variant_id, CASE o.status WHEN 'refunded' THEN 'return' ELSE 'sale' END::movement_kind,
       CASE o.status WHEN 'refunded' THEN i.quantity ELSE -i.quantity END, 'order ' || o.id, o.placed_at
FROM orders o JOIN order_items i ON i.order_id = o.id
WHERE o.placed_at > '2025-07-01' AND o.status <> 'cancelled'
ORDER BY o.id, i.line;

INSERT INTO reviews (product_id, user_id, order_id, rating, title, body, created_at)
SELECT product_id, user_id, order_id, rating, (ARRAY['Disappointed', 'Not for me', 'It will do', 'Good', 'Excellent'])[rating],
       pg_temp.pick('{It arrived quickly,Well packed,Smaller than I thought,Exactly as described,My second one already}') || ', ' ||
           pg_temp.pick('{and I use it every day,and the colour is right,but the box was dented,and friends asked where it is from}') || '.', created_at
FROM (SELECT (i.variant_id + 2) / 3 AS product_id, o.user_id, CASE WHEN random() < 0.7 THEN o.id END AS order_id,
             5 - floor(power(random(), 2.2) * 5)::int AS rating, o.placed_at + (5 + random() * 20) * interval '1 day' AS created_at
      FROM orders o JOIN order_items i ON i.order_id = o.id
      WHERE o.status = 'delivered' ORDER BY o.id, i.line LIMIT (SELECT reviews FROM size)) AS review
ON CONFLICT DO NOTHING;

INSERT INTO cart_items (user_id, variant_id, quantity, added_at)
SELECT u, 3 * (pg_temp.skewed((SELECT products FROM size)) - 1) + 1 + floor(random() * 3)::int, 1 + floor(power(random(), 3) * 4)::int,
       timestamptz '2026-06-30' - power(random(), 2) * interval '60 days'
FROM (SELECT 1 + floor(random() * (SELECT users FROM size))::int AS u, 1 + n % 4 AS items FROM generate_series(1, (SELECT carts FROM size)) AS n) AS cart,
     generate_series(1, items)
ON CONFLICT DO NOTHING;

-- The identity columns go on where the data ends.
SELECT setval(pg_get_serial_sequence('users', 'id'), (SELECT max(id) FROM users)),
       setval(pg_get_serial_sequence('addresses', 'id'), (SELECT max(id) FROM addresses)),
       setval(pg_get_serial_sequence('categories', 'id'), (SELECT max(id) FROM categories)),
       setval(pg_get_serial_sequence('products', 'id'), (SELECT max(id) FROM products)),
       setval(pg_get_serial_sequence('product_variants', 'id'), (SELECT max(id) FROM product_variants)),
       setval(pg_get_serial_sequence('product_images', 'id'), (SELECT max(id) FROM product_images)),
       setval(pg_get_serial_sequence('orders', 'id'), (SELECT max(id) FROM orders)) \g /dev/null
REFRESH MATERIALIZED VIEW bestsellers;
DROP TABLE drawn, drawn_lines, size;

\echo 'statistics'
ANALYZE;
