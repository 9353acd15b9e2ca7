-- Somebody thinks again about a product, and its page is read anew by the next visitor. (Buying would write to the inventory, whose
-- trigger is in PL/pgSQL: code that Larder does not understand, and takes for a write of everything.)
SELECT greatest(1, count(*)) AS products FROM products \gset
\set product_id random_zipfian(1, :products, 1.2)
\set rating random(1, 5)
UPDATE reviews SET rating = :rating WHERE product_id = :product_id AND user_id = (SELECT min(user_id) FROM reviews WHERE product_id = :product_id);
