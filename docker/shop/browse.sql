-- A product page. A few products are looked at most of the time.
SELECT greatest(1, count(*)) AS products FROM products \gset
\set product_id random_zipfian(1, :products, 1.2)
SELECT id, slug, name, description, brand, price, tags, attributes FROM products WHERE id = :product_id AND is_published;
SELECT v.id, v.sku, v.name, v.price, v.attributes ->> 'size' AS size, i.on_hand - i.reserved AS available
FROM product_variants v JOIN inventory i ON i.variant_id = v.id WHERE v.product_id = :product_id ORDER BY v.id;
SELECT url, alt FROM product_images WHERE product_id = :product_id ORDER BY position;
SELECT rating, count(*) FROM reviews WHERE product_id = :product_id GROUP BY rating ORDER BY rating DESC;
