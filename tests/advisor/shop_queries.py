"""Slow queries over the shop (examples/shop), each with the best answers that are known for it; and controls.

Each entry: a name, the statement, and
  best     answers to measure against: each a list of DDL statements, and perhaps ("rewrite", text) among them
  kinds    where the right answer cannot be measured by a plan's cost: the kinds that are right
  params   values for $1, $2, …
  setup    what is done before (in a transaction that is rolled back), for cases that the shop does not have
A control has neither best nor kinds: the right answer has no DDL and no rewrite.
"""


def case(name, sql, *best, kinds=(), params=(), setup=(), extensions=()):
    return {"id": name, "sql": sql, "best": [answer if isinstance(answer, list) else [answer] for answer in best], "kinds": list(kinds),
            "params": list(params), "setup": list(setup), "extensions": list(extensions)}


def rewrite(text):
    return ("rewrite", text)


INDEXES = [
    # Equality and range: one column
    case("eq_variant", "SELECT * FROM order_items WHERE variant_id = 4711", "CREATE INDEX ON order_items (variant_id)"),
    case("eq_postal_code", "SELECT * FROM addresses WHERE postal_code = '01234'", "CREATE INDEX ON addresses (postal_code)"),
    case("eq_param", "SELECT id, rating, title FROM reviews WHERE order_id = $1", "CREATE INDEX ON reviews (order_id)", params=["777"]),
    case("range_total", "SELECT id, total FROM orders WHERE total > 2500 ORDER BY total DESC", "CREATE INDEX ON orders (total)"),
    case("range_between", "SELECT id FROM users WHERE created_at BETWEEN '2024-03-01' AND '2024-03-04'", "CREATE INDEX ON users (created_at)"),
    case("in_list", "SELECT * FROM order_items WHERE variant_id IN (11, 5012, 40077, 59999)", "CREATE INDEX ON order_items (variant_id)"),
    case("range_now", "SELECT count(*) FROM orders WHERE placed_at >= timestamptz '2026-06-29' - interval '12 hours'", "CREATE INDEX ON orders (placed_at)"),
    case("max_column", "SELECT max(placed_at) FROM orders", "CREATE INDEX ON orders (placed_at)"),
    case("min_with_filter", "SELECT min(total) FROM orders WHERE status = 'refunded'", "CREATE INDEX ON orders (status, total)"),
    case("order_limit", "SELECT id, total FROM orders ORDER BY total DESC LIMIT 10", "CREATE INDEX ON orders (total)"),
    case("order_limit_two", "SELECT id, brand, price FROM products ORDER BY brand, price DESC LIMIT 25", "CREATE INDEX ON products (brand, price DESC)"),
    # Composite
    case("eq_eq", "SELECT * FROM addresses WHERE city = 'Gent' AND country = 'BE' AND label = 'work'", "CREATE INDEX ON addresses (city, country, label)"),
    case("eq_range", "SELECT id FROM orders WHERE status = 'cancelled' AND placed_at >= '2026-06-20'", "CREATE INDEX ON orders (status, placed_at)"),
    case("eq_sort_limit", "SELECT * FROM orders WHERE status = 'pending' ORDER BY placed_at LIMIT 20", "CREATE INDEX ON orders (status, placed_at)",
         "CREATE INDEX ON orders (placed_at) WHERE status = 'pending'"),
    case("eq_sort_desc", "SELECT id, name, price FROM products WHERE brand = 'Fjord' ORDER BY price DESC LIMIT 10", "CREATE INDEX ON products (brand, price)"),
    case("in_sort_limit", "SELECT id, placed_at FROM orders WHERE status IN ('pending', 'paid') ORDER BY placed_at DESC LIMIT 50",
         "CREATE INDEX ON orders (placed_at)", "CREATE INDEX ON orders (status, placed_at)",
         "CREATE INDEX ON orders (placed_at) WHERE status IN ('pending', 'paid')"),
    case("keyset", "SELECT id, created_at FROM reviews WHERE (created_at, id) < ('2025-01-01', 500) ORDER BY created_at DESC, id DESC LIMIT 20",
         "CREATE INDEX ON reviews (created_at, id)"),
    case("params_composite", "SELECT id FROM reviews WHERE rating = $1 AND created_at > $2 ORDER BY created_at LIMIT 30", "CREATE INDEX ON reviews (rating, created_at)",
         params=["1", "2026-06-01"]),
    case("distinct_on", "SELECT DISTINCT ON (country) country, city, id FROM addresses ORDER BY country, id DESC LIMIT 5",
         "CREATE INDEX ON addresses (country, id DESC)"),
    # Partial
    case("partial_null", "SELECT id, email FROM users WHERE last_login_at IS NULL AND created_at < '2023-01-20'", "CREATE INDEX ON users (created_at) WHERE last_login_at IS NULL",
         "CREATE INDEX ON users (last_login_at, created_at)"),
    case("partial_bool", "SELECT id, email FROM users WHERE NOT is_active ORDER BY created_at DESC LIMIT 20", "CREATE INDEX ON users (created_at) WHERE NOT is_active",
         "CREATE INDEX ON users (is_active, created_at)"),
    case("partial_columns", "SELECT variant_id FROM inventory WHERE reserved > on_hand", "CREATE INDEX ON inventory (variant_id) WHERE reserved > on_hand"),
    case("partial_not_in", "SELECT id, placed_at FROM orders WHERE status NOT IN ('delivered', 'cancelled', 'refunded', 'shipped') ORDER BY placed_at LIMIT 100",
         "CREATE INDEX ON orders (placed_at) WHERE status NOT IN ('delivered', 'cancelled', 'refunded', 'shipped')"),
    case("partial_unequal", "SELECT id FROM orders WHERE currency <> 'EUR'", "CREATE INDEX ON orders (id) WHERE currency <> 'EUR'"),
    # Expression
    case("lower_email", "SELECT id, name FROM users WHERE lower(email) = 'anna.smith17@example.com'", "CREATE INDEX ON users (lower(email))"),
    case("jsonb_text", "SELECT id, name FROM products WHERE attributes ->> 'material' = 'oak' AND attributes ->> 'colour' = 'grey'",
         "CREATE INDEX ON products ((attributes ->> 'material'), (attributes ->> 'colour'))"),
    case("jsonb_number", "SELECT id FROM products WHERE (attributes ->> 'weight_g')::int > 5020", "CREATE INDEX ON products (((attributes ->> 'weight_g')::int))"),
    case("arithmetic", "SELECT variant_id FROM inventory WHERE on_hand - reserved > 395", "CREATE INDEX ON inventory ((on_hand - reserved))"),
    case("order_by_expression", "SELECT id, name FROM users ORDER BY lower(name), id LIMIT 20", "CREATE INDEX ON users (lower(name), id)"),
    case("left_prefix", "SELECT id FROM addresses WHERE left(postal_code, 3) = '123'", "CREATE INDEX ON addresses (left(postal_code, 3))"),
    case("length", "SELECT id FROM reviews WHERE length(title) > 50", "CREATE INDEX ON reviews (length(title))"),
    # Patterns
    case("like_prefix", "SELECT id, email FROM users WHERE email LIKE 'clara.weber1%'", "CREATE INDEX ON users (email text_pattern_ops)"),
    case("like_infix", "SELECT id, sku FROM product_variants WHERE sku LIKE '%1234-2%'", "CREATE INDEX ON product_variants USING gin (sku gin_trgm_ops)",
         extensions=["pg_trgm"]),
    case("ilike_infix", "SELECT id, street FROM addresses WHERE street ILIKE '%lane 177%'", "CREATE INDEX ON addresses USING gin (street gin_trgm_ops)",
         extensions=["pg_trgm"]),
    case("like_escaped", "SELECT id FROM product_variants WHERE sku LIKE 'SKU-00000%'", "CREATE INDEX ON product_variants (sku text_pattern_ops)"),
    # Covering
    case("covering", "SELECT sum(quantity) FROM order_items WHERE variant_id < 500", "CREATE INDEX ON order_items (variant_id) INCLUDE (quantity)"),
    case("covering_range", "SELECT user_id, total FROM orders WHERE placed_at >= '2026-05-01'", "CREATE INDEX ON orders (placed_at) INCLUDE (user_id, total)"),
    # GIN
    case("array_contains", "SELECT id, name FROM products WHERE tags @> '{limited,recycled,summer}'", "CREATE INDEX ON products USING gin (tags)"),
    case("array_overlaps", "SELECT id, name FROM products WHERE tags && '{limited}' AND price > 200", "CREATE INDEX ON products USING gin (tags)",
         "CREATE INDEX ON products (price)"),
    case("jsonb_contains", "SELECT id FROM products WHERE attributes @> '{\"colour\": \"grey\", \"material\": \"copper\", \"warranty_months\": 48}'",
         "CREATE INDEX ON products USING gin (attributes jsonb_path_ops)"),
    case("jsonb_key", "SELECT id FROM users WHERE preferences ? 'beta'", "CREATE INDEX ON users USING gin (preferences)"),
    case("jsonpath", "SELECT id FROM products WHERE attributes @@ '$.weight_g == 77'", "CREATE INDEX ON products USING gin (attributes jsonb_path_ops)"),
    case("fts_expression", "SELECT id, title FROM reviews WHERE to_tsvector('english', body) @@ to_tsquery('english', 'dented & smaller')",
         "CREATE INDEX ON reviews USING gin (to_tsvector('english', body))"),
    case("fts_plain_query", "SELECT id FROM addresses WHERE to_tsvector('simple', street || ' ' || city) @@ plainto_tsquery('simple', 'mill 17 gent')",
         "CREATE INDEX ON addresses USING gin (to_tsvector('simple', street || ' ' || city))"),
    case("array_any", "SELECT id FROM products WHERE 'handmade' = ANY (tags) AND 'limited' = ANY (tags)",
         ["CREATE INDEX ON products USING gin (tags)", rewrite("SELECT id FROM products WHERE tags @> ARRAY['handmade'] AND tags @> ARRAY['limited']")]),
    # GiST
    case("range_overlap", "SELECT id FROM orders WHERE tstzrange(placed_at, shipped_at) && tstzrange('2024-02-01 10:00+00', '2024-02-01 10:30+00')",
         "CREATE INDEX ON orders USING gist (tstzrange(placed_at, shipped_at))"),
    case("nearest", "SELECT id FROM addresses ORDER BY point(id, user_id) <-> point(4000, 70) LIMIT 10", "CREATE INDEX ON addresses USING gist (point(id, user_id))"),
    case("in_box", "SELECT id FROM addresses WHERE point(id, user_id) <@ box '((100,100),(160,160))'", "CREATE INDEX ON addresses USING gist (point(id, user_id))"),
    # BRIN: rows in the order of their time
    case("brin", "SELECT count(*) FROM events WHERE at BETWEEN '2026-01-01 00:00+00' AND '2026-01-02 12:00+00'", "CREATE INDEX ON events USING brin (at)",
         "CREATE INDEX ON events (at)",
         setup=["CREATE TABLE events AS SELECT n AS id, timestamptz '2025-01-01' + n * interval '100 seconds' AS at, repeat('x', 60) AS payload "
                "FROM generate_series(1, 400000) AS n", "ANALYZE events"]),
    # Joins
    case("join_inner", "SELECT o.id, i.quantity FROM order_items i JOIN orders o ON o.id = i.order_id WHERE i.variant_id = 4711",
         "CREATE INDEX ON order_items (variant_id)"),
    case("join_foreign_key", "SELECT p.name, sum(i.quantity) FROM products p JOIN product_variants v ON v.product_id = p.id JOIN order_items i ON i.variant_id = v.id "
         "WHERE p.slug = 'light-wool-jacket-19000' OR p.id = 17011 GROUP BY p.name", "CREATE INDEX ON order_items (variant_id)",
         "CREATE INDEX ON order_items (variant_id) INCLUDE (quantity)"),
    case("join_filter_sort", "SELECT o.id, u.name FROM orders o JOIN users u ON u.id = o.user_id WHERE u.language = 'de' ORDER BY o.placed_at DESC LIMIT 20",
         "CREATE INDEX ON orders (placed_at)"),
    case("join_two_filters", "SELECT o.id FROM orders o JOIN addresses a ON a.id = o.shipping_address_id WHERE a.postal_code = '00123' AND o.status = 'delivered'",
         ["CREATE INDEX ON addresses (postal_code)", "CREATE INDEX ON orders (shipping_address_id)"],
         ["CREATE INDEX ON addresses (postal_code)", "CREATE INDEX ON orders (shipping_address_id, status)"]),
    case("left_join", "SELECT u.id, r.title FROM users u LEFT JOIN reviews r ON r.user_id = u.id AND r.rating = 1 WHERE u.id BETWEEN 100 AND 110",
         "CREATE INDEX ON reviews (user_id, rating)", "CREATE INDEX ON reviews (user_id)"),
    case("correlated", "SELECT p.id, (SELECT max(r.created_at) FROM reviews r WHERE r.product_id = p.id AND r.rating = 1) FROM products p WHERE p.brand = 'Solido' AND p.price > 150",
         ["CREATE INDEX ON reviews (product_id, rating, created_at)", "CREATE INDEX ON products (brand, price)"],
         ["CREATE INDEX ON reviews (product_id, rating, created_at)"]),
    case("exists", "SELECT u.id FROM users u WHERE u.id < 3000 AND EXISTS (SELECT 1 FROM reviews r WHERE r.user_id = u.id AND r.rating = 1)",
         "CREATE INDEX ON reviews (user_id, rating)", "CREATE INDEX ON reviews (rating, user_id)", "CREATE INDEX ON reviews (user_id) WHERE rating = 1"),
    case("or_two_columns", "SELECT id FROM orders WHERE shipping_address_id = 4000 OR billing_address_id = 4100",
         ["CREATE INDEX ON orders (shipping_address_id)", "CREATE INDEX ON orders (billing_address_id)"]),
    case("or_mixed", "SELECT id FROM reviews WHERE order_id = 99 OR created_at > '2026-07-20'", ["CREATE INDEX ON reviews (order_id)", "CREATE INDEX ON reviews (created_at)"]),
    case("window", "SELECT * FROM (SELECT id, user_id, row_number() OVER (PARTITION BY user_id ORDER BY created_at DESC) AS n FROM reviews WHERE user_id < 300) AS s WHERE n = 1",
         "CREATE INDEX ON reviews (user_id, created_at DESC)", "CREATE INDEX ON reviews (user_id)"),
    case("view", "SELECT id, name, rating FROM product_overview WHERE brand = 'Kometa' ORDER BY price LIMIT 10", "CREATE INDEX ON products (brand, price)",
         "CREATE INDEX ON products (brand, price) WHERE is_published"),
    case("cte", "WITH recent AS (SELECT * FROM orders WHERE placed_at > '2026-06-29 12:00+00') SELECT r.id, u.email FROM recent r JOIN users u ON u.id = r.user_id",
         "CREATE INDEX ON orders (placed_at)"),
    case("partitions", "SELECT id, quantity FROM stock_movements WHERE kind = 'return' AND quantity > 4", "CREATE INDEX ON stock_movements (kind, quantity)",
         "CREATE INDEX ON stock_movements (quantity) WHERE kind = 'return'"),
    case("partitions_sort", "SELECT id, note FROM stock_movements ORDER BY moved_at DESC LIMIT 20", "CREATE INDEX ON stock_movements (moved_at)"),
    case("update", "UPDATE orders SET status = 'cancelled' WHERE status = 'pending' AND placed_at < '2026-06-28 12:00+00'", "CREATE INDEX ON orders (status, placed_at)",
         "CREATE INDEX ON orders (placed_at) WHERE status = 'pending'"),
    case("delete", "DELETE FROM cart_items WHERE added_at < '2026-05-02 12:00+00'", "CREATE INDEX ON cart_items (added_at)"),
    case("materialised_view", "SELECT product_id, turnover FROM bestsellers ORDER BY turnover DESC LIMIT 10", "CREATE INDEX ON bestsellers (turnover)"),
]

REWRITES = [
    case("cast_to_date", "SELECT id FROM orders WHERE placed_at::date = '2026-03-03'",
         ["CREATE INDEX ON orders (placed_at)", rewrite("SELECT id FROM orders WHERE placed_at >= '2026-03-03' AND placed_at < '2026-03-04'")]),
    case("date_function", "SELECT count(*) FROM orders WHERE date(placed_at) >= '2026-06-28'",
         ["CREATE INDEX ON orders (placed_at)", rewrite("SELECT count(*) FROM orders WHERE placed_at >= '2026-06-28'")]),
    case("date_trunc", "SELECT id, total FROM orders WHERE date_trunc('day', placed_at) = '2026-02-01'",
         ["CREATE INDEX ON orders (placed_at)", rewrite("SELECT id, total FROM orders WHERE placed_at >= '2026-02-01' AND placed_at < '2026-02-02'")]),
    case("extract_year", "SELECT id FROM orders WHERE extract(year FROM placed_at) = 2023 AND total > 1500",
         ["CREATE INDEX ON orders (placed_at, total)", rewrite("SELECT id FROM orders WHERE placed_at >= '2023-01-01' AND placed_at < '2024-01-01' AND total > 1500")],
         ["CREATE INDEX ON orders (total)"]),
    case("column_plus", "SELECT id FROM orders WHERE total + 100 > 2700",
         ["CREATE INDEX ON orders ((total + 100))"], ["CREATE INDEX ON orders (total)", rewrite("SELECT id FROM orders WHERE total > 2600")]),
    case("id_as_text", "SELECT * FROM orders WHERE id::text = '4242'", [rewrite("SELECT * FROM orders WHERE id = 4242")], ["CREATE INDEX ON orders ((id::text))"]),
    case("coalesce", "SELECT id FROM reviews WHERE coalesce(order_id, 0) = 4242", "CREATE INDEX ON reviews (coalesce(order_id, 0))",
         ["CREATE INDEX ON reviews (order_id)", rewrite("SELECT id FROM reviews WHERE order_id = 4242")]),
    case("not_distinct", "SELECT id FROM reviews WHERE order_id IS NOT DISTINCT FROM 4242",
         ["CREATE INDEX ON reviews (order_id)", rewrite("SELECT id FROM reviews WHERE order_id = 4242")]),
    case("not_in", "SELECT id FROM product_variants WHERE id NOT IN (SELECT variant_id FROM order_items)",
         [rewrite("SELECT id FROM product_variants v WHERE NOT EXISTS (SELECT 1 FROM order_items i WHERE i.variant_id = v.id)")],
         ["CREATE INDEX ON order_items (variant_id)", rewrite("SELECT id FROM product_variants v WHERE NOT EXISTS (SELECT 1 FROM order_items i WHERE i.variant_id = v.id)")]),
    case("count_as_exists", "SELECT u.id FROM users u WHERE (SELECT count(*) FROM reviews r WHERE r.user_id = u.id) > 0",
         [rewrite("SELECT u.id FROM users u WHERE EXISTS (SELECT 1 FROM reviews r WHERE r.user_id = u.id)")], "CREATE INDEX ON reviews (user_id)"),
    case("count_in_list", "SELECT u.id, (SELECT count(*) FROM reviews r WHERE r.user_id = u.id) AS reviews FROM users u",
         [rewrite("SELECT u.id, coalesce(s.n, 0) AS reviews FROM users u LEFT JOIN (SELECT user_id, count(*) AS n FROM reviews GROUP BY user_id) AS s ON s.user_id = u.id")],
         "CREATE INDEX ON reviews (user_id)"),
    case("union_disjoint", "SELECT id, total FROM orders WHERE status = 'delivered' UNION SELECT id, total FROM orders WHERE status = 'shipped'",
         [rewrite("SELECT id, total FROM orders WHERE status = 'delivered' UNION ALL SELECT id, total FROM orders WHERE status = 'shipped'")]),
    case("distinct_key", "SELECT DISTINCT id, user_id, placed_at, total FROM orders WHERE total > 10", [rewrite("SELECT id, user_id, placed_at, total FROM orders WHERE total > 10")]),
    case("distinct_join", "SELECT DISTINCT o.id, o.placed_at FROM orders o JOIN order_items i ON i.order_id = o.id WHERE i.quantity >= 2",
         [rewrite("SELECT o.id, o.placed_at FROM orders o WHERE EXISTS (SELECT 1 FROM order_items i WHERE i.order_id = o.id AND i.quantity >= 2)")]),
    case("materialized_cte", "WITH o AS MATERIALIZED (SELECT * FROM orders) SELECT * FROM o WHERE id = 4242", [rewrite("WITH o AS (SELECT * FROM orders) SELECT * FROM o WHERE id = 4242")]),
    case("newest_per_group", "SELECT o.id FROM orders o WHERE o.placed_at = (SELECT max(p.placed_at) FROM orders p WHERE p.user_id = o.user_id)",
         [rewrite("SELECT id FROM (SELECT id, rank() OVER (PARTITION BY user_id ORDER BY placed_at DESC) AS r FROM orders) AS s WHERE r = 1")]),
    case("or_two_tables", "SELECT o.id FROM orders o JOIN users u ON u.id = o.user_id WHERE u.email = 'hugo.novak1@example.com' OR o.id = 5",
         [rewrite("SELECT o.id FROM orders o JOIN users u ON u.id = o.user_id WHERE u.email = 'hugo.novak1@example.com' UNION "
                  "SELECT o.id FROM orders o JOIN users u ON u.id = o.user_id WHERE o.id = 5")]),
]

OTHERS = [
    case("deep_offset", "SELECT id, total FROM orders ORDER BY id LIMIT 20 OFFSET 150000", kinds=["paginate"]),
    case("all_rows", "SELECT * FROM order_items", kinds=["paginate"]),
    case("many_joins_aggregate", "SELECT c.name, date_trunc('month', o.placed_at) AS month, a.country, sum(i.quantity * i.unit_price) FROM orders o JOIN order_items i ON i.order_id = o.id "
         "JOIN product_variants v ON v.id = i.variant_id JOIN products p ON p.id = v.product_id JOIN categories c ON c.id = p.category_id "
         "JOIN addresses a ON a.id = o.shipping_address_id JOIN users u ON u.id = o.user_id GROUP BY 1, 2, 3", kinds=["materialize"]),
    case("many_joins_rows", "SELECT o.id, u.email, a.city, i.quantity, v.sku, p.name, c.name FROM orders o JOIN users u ON u.id = o.user_id JOIN addresses a ON a.id = o.shipping_address_id "
         "JOIN order_items i ON i.order_id = o.id JOIN product_variants v ON v.id = i.variant_id JOIN products p ON p.id = v.product_id JOIN categories c ON c.id = p.category_id",
         kinds=["denormalize", "paginate"]),
    case("never_analysed", "SELECT * FROM fresh WHERE a = 5", kinds=["analyze"],
         setup=["CREATE TABLE fresh AS SELECT n AS id, n % 1000 AS a FROM generate_series(1, 60000) AS n"]),
    case("correlated_columns", "SELECT count(*) FROM parcels WHERE city = 'c7' AND country = 'k7' AND carrier = 'x7'", kinds=["extended_stats", "btree_composite", "btree_single"],
         setup=["CREATE TABLE parcels AS SELECT n AS id, 'c' || n % 20 AS city, 'k' || n % 20 AS country, 'x' || n % 20 AS carrier FROM generate_series(1, 60000) AS n", "ANALYZE parcels"]),
    case("type_mismatch", "SELECT count(*) FROM orders o JOIN imports m ON m.order_ref = o.id::text", kinds=["review_schema"],
         setup=["CREATE TABLE imports AS SELECT id::text AS order_ref FROM orders", "ANALYZE imports"]),
    case("whole_table", "SELECT status, count(*), sum(total) FROM orders GROUP BY status", kinds=["cache", "materialize"]),
    case("duplicate_index", "UPDATE orders SET total = total + 1 WHERE id = 7", kinds=["drop_index"], setup=["CREATE INDEX orders_user_again ON orders (user_id, placed_at DESC)"]),
    case("delete_parent", "DELETE FROM users WHERE id = 7", kinds=["btree_single"]),
]

CONTROLS = [
    case("control_key", "SELECT * FROM orders WHERE id = 42"),
    case("control_unique", "SELECT id FROM users WHERE email = 'anna.smith17@example.com'"),
    case("control_composite_key", "SELECT * FROM order_items WHERE order_id = 42 ORDER BY line"),
    case("control_small_table", "SELECT * FROM categories WHERE name = 'Group 7'"),
    case("control_most_rows", "SELECT count(*) FROM products WHERE is_published"),
    case("control_indexed_sort", "SELECT id, status FROM orders WHERE user_id = 7 ORDER BY placed_at DESC LIMIT 10"),
    case("control_fts", "SELECT id, name FROM products WHERE search @@ to_tsquery('english', 'bamboo & vase & nordwind')"),
    case("control_join", "SELECT o.id, i.line, v.name FROM orders o JOIN order_items i ON i.order_id = o.id JOIN product_variants v ON v.id = i.variant_id WHERE o.id = 42"),
    case("control_reviews", "SELECT rating, count(*) FROM reviews WHERE product_id = 4711 GROUP BY rating"),
    case("control_exists", "SELECT 1 WHERE EXISTS (SELECT 1 FROM cart_items WHERE user_id = 9)"),
    case("control_insert", "INSERT INTO cart_items (user_id, variant_id, quantity) VALUES (1, 2, 1)"),
    case("control_no_table", "SELECT now(), 1 + 1"),
    case("control_category_page", "SELECT id, name, price FROM products WHERE category_id = 31 ORDER BY price, id LIMIT 24"),
    case("control_two_statements", "SELECT 1; DELETE FROM users"),
    case("control_utility", "VACUUM orders"),
]

ALL = INDEXES + REWRITES + OTHERS + CONTROLS
