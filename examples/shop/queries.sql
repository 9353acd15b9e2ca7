-- What the shop asks its database all day: twenty statements, most frequent first. `psql -f` runs them as they stand, in one
-- transaction that is rolled back at the end; set the variables to ask about something else.
\set user_id 7
\set product_id 11
\set category_id 31
\set order_id 42
\set variant_id 25

BEGIN;

\echo '-- 1 a product page: the product'
SELECT id, slug, name, description, brand, price, tags, attributes FROM products WHERE id = :product_id AND is_published;

\echo '-- 2 a product page: variants with their stock'
SELECT v.id, v.sku, v.name, v.price, v.attributes ->> 'size' AS size, i.on_hand - i.reserved AS available
FROM product_variants v JOIN inventory i ON i.variant_id = v.id
WHERE v.product_id = :product_id ORDER BY v.id;

\echo '-- 3 a product page: pictures'
SELECT url, alt FROM product_images WHERE product_id = :product_id ORDER BY position;

\echo '-- 4 a product page: reviews, newest first'
SELECT r.rating, r.title, r.body, r.created_at, u.name, r.order_id IS NOT NULL AS verified
FROM reviews r JOIN users u ON u.id = r.user_id
WHERE r.product_id = :product_id ORDER BY r.created_at DESC, r.id LIMIT 10;

\echo '-- 5 a product page: stars'
SELECT rating, count(*) FROM reviews WHERE product_id = :product_id GROUP BY rating ORDER BY rating DESC;

\echo '-- 6 the navigation: the tree of categories'
WITH RECURSIVE tree AS (
    SELECT id, parent_id, slug, name, 1 AS depth, ARRAY[position] AS place FROM categories WHERE parent_id IS NULL
    UNION ALL
    SELECT c.id, c.parent_id, c.slug, c.name, t.depth + 1, t.place || c.position FROM categories c JOIN tree t ON c.parent_id = t.id
)
SELECT id, parent_id, slug, name, depth FROM tree ORDER BY place, id LIMIT 40;

\echo '-- 7 a category page, cheapest first'
SELECT id, slug, name, price, image_url, rating, review_count FROM product_overview
WHERE category_id = :category_id ORDER BY price, id LIMIT 24;

\echo '-- 8 the home page: bestsellers'
SELECT p.id, p.slug, p.name, p.price, b.sold FROM bestsellers b JOIN products p ON p.id = b.product_id ORDER BY b.sold DESC, p.id LIMIT 12;

\echo '-- 9 search'
SELECT id, name, price, ts_rank(search, query) AS rank FROM products, websearch_to_tsquery('english', 'warm wool blanket') AS query
WHERE search @@ query AND is_published ORDER BY rank DESC, id LIMIT 20;

\echo '-- 10 products with a tag and a colour (no index helps: slow)'
SELECT id, name, price FROM products WHERE tags @> '{organic}' AND attributes @> '{"colour": "green"}' ORDER BY price, id LIMIT 20;

\echo '-- 11 who logs in'
SELECT id, name, language, is_active FROM users WHERE email = (SELECT email FROM users WHERE id = :user_id);

\echo '-- 12 the cart'
SELECT c.variant_id, v.name, c.quantity, v.price, c.quantity * v.price AS amount
FROM cart_items c JOIN product_variants v ON v.id = c.variant_id WHERE c.user_id = :user_id ORDER BY c.added_at, c.variant_id;

\echo '-- 13 a user''s last orders'
SELECT id, status, total, currency, placed_at FROM orders WHERE user_id = :user_id ORDER BY placed_at DESC, id LIMIT 10;

\echo '-- 14 one order with its lines'
SELECT o.id, o.status, o.placed_at, a.city, i.line, v.name, i.quantity, i.unit_price
FROM orders o JOIN order_items i ON i.order_id = o.id JOIN product_variants v ON v.id = i.variant_id
LEFT JOIN addresses a ON a.id = o.shipping_address_id WHERE o.id = :order_id ORDER BY i.line;

\echo '-- 15 put into the cart'
INSERT INTO cart_items (user_id, variant_id, quantity) VALUES (:user_id, :variant_id, 1)
ON CONFLICT (user_id, variant_id) DO UPDATE SET quantity = cart_items.quantity + excluded.quantity RETURNING quantity;

\echo '-- 16 check-out: the order, its lines, the stock, the cart'
INSERT INTO orders (user_id, shipping_address_id, billing_address_id, status, total)
SELECT :user_id, :user_id, :user_id, 'pending', sum(c.quantity * v.price)
FROM cart_items c JOIN product_variants v ON v.id = c.variant_id WHERE c.user_id = :user_id RETURNING id AS new_order_id \gset
INSERT INTO order_items (order_id, line, variant_id, quantity, unit_price)
SELECT :new_order_id, row_number() OVER (ORDER BY c.variant_id), c.variant_id, c.quantity, v.price
FROM cart_items c JOIN product_variants v ON v.id = c.variant_id WHERE c.user_id = :user_id;
UPDATE inventory SET reserved = reserved + c.quantity, updated_at = now()
FROM cart_items c WHERE c.user_id = :user_id AND c.variant_id = inventory.variant_id;
DELETE FROM cart_items WHERE user_id = :user_id;

\echo '-- 17 the payment came'
UPDATE orders SET status = 'paid' WHERE id = :new_order_id AND status = 'pending' RETURNING status;

\echo '-- 18 a delivery came in: the trigger writes the movement'
UPDATE inventory SET on_hand = on_hand + 50, updated_at = now() WHERE variant_id = :variant_id RETURNING on_hand;
SELECT kind, quantity FROM stock_movements WHERE variant_id = :variant_id ORDER BY moved_at DESC, id DESC LIMIT 3;

\echo '-- 19 a review'
INSERT INTO reviews (product_id, user_id, order_id, rating, title, body)
VALUES (:product_id, :user_id, :new_order_id, 5, 'Excellent', 'Exactly as described.')
ON CONFLICT (product_id, user_id) DO UPDATE SET rating = excluded.rating, title = excluded.title, body = excluded.body RETURNING id > 0 AS stored;

\echo '-- 20 the office: turnover per month and top category (slow)'
SELECT date_trunc('month', o.placed_at)::date AS month, c.name, sum(i.quantity * i.unit_price) AS turnover
FROM orders o JOIN order_items i ON i.order_id = o.id JOIN product_variants v ON v.id = i.variant_id
JOIN products p ON p.id = v.product_id JOIN categories shelf ON shelf.id = p.category_id
JOIN categories grp ON grp.id = shelf.parent_id JOIN categories c ON c.id = grp.parent_id
WHERE o.status <> 'cancelled' AND o.placed_at >= timestamptz '2026-01-01 00:00+00'
GROUP BY 1, 2 ORDER BY 1, 3 DESC LIMIT 12;

ROLLBACK;
