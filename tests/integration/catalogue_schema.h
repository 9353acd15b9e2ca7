// A schema with every construct that hides reads, writes or code behind plain statements.
#pragma once

namespace larder::test {

inline constexpr const char* kCatalogueSchema = R"sql(
CREATE TABLE customers (id int PRIMARY KEY, name text, region int);
CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers ON DELETE CASCADE ON UPDATE CASCADE, total numeric, at timestamptz);
CREATE TABLE items (id int PRIMARY KEY, "order" int REFERENCES orders ON DELETE SET NULL);
CREATE TABLE audits (id serial PRIMARY KEY, what text);
CREATE TABLE notes (item int REFERENCES items ON UPDATE SET DEFAULT DEFAULT 0);
CREATE FUNCTION writer() RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audits (what) VALUES ('called'); RETURN 1; END $$;
CREATE FUNCTION writer_immutable(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN writer(); END $$;
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audits (what) VALUES (TG_OP); RETURN coalesce(new, old); END $$;

CREATE VIEW v_orders AS SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer;
CREATE VIEW v_deep AS SELECT name, count(*) AS n FROM v_orders WHERE id IN (SELECT "order" FROM items) GROUP BY name;
CREATE VIEW v_now AS SELECT * FROM orders WHERE at > now();
CREATE VIEW v_writer AS SELECT writer() AS w;
CREATE VIEW v_over_writer AS SELECT * FROM v_writer;
CREATE VIEW v_locks AS SELECT id FROM orders FOR UPDATE;
CREATE VIEW v_catalog AS SELECT relname FROM pg_class;
CREATE VIEW v_user AS SELECT id FROM orders WHERE current_user = 'x';
CREATE VIEW v_simple WITH (security_invoker = true) AS SELECT id, name FROM customers;
CREATE VIEW information_schema.v_smuggled AS SELECT writer() AS w;
CREATE VIEW v_ruled AS SELECT id FROM customers;
CREATE RULE redirect AS ON INSERT TO v_ruled DO INSTEAD INSERT INTO audits (what) VALUES ('rule');
CREATE VIEW v_instead AS SELECT id FROM customers;
CREATE TRIGGER instead INSTEAD OF UPDATE ON v_instead FOR EACH ROW EXECUTE FUNCTION audit();

CREATE MATERIALIZED VIEW m_orders AS SELECT id FROM orders;
CREATE MATERIALIZED VIEW m_writer AS SELECT 1 AS one WHERE writer_immutable(1) = 1;

CREATE TABLE parted (id int, region int, v int, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2) PARTITION BY RANGE (id);
CREATE TABLE parted_2a PARTITION OF parted_2 FOR VALUES FROM (0) TO (100);
CREATE TABLE parted_child (id int, region int, FOREIGN KEY (id, region) REFERENCES parted ON DELETE CASCADE);
CREATE TABLE animals (name text);
CREATE TABLE swimmers (depth int);
CREATE TABLE ducks () INHERITS (animals, swimmers);
CREATE TABLE geese () INHERITS (animals);
CREATE TRIGGER quack AFTER INSERT ON geese FOR EACH ROW EXECUTE FUNCTION audit();

CREATE TABLE triggered (id int PRIMARY KEY);
CREATE TRIGGER after_delete AFTER DELETE ON triggered FOR EACH STATEMENT EXECUTE FUNCTION audit();
CREATE TRIGGER after_truncate AFTER TRUNCATE ON triggered FOR EACH STATEMENT EXECUTE FUNCTION audit();
CREATE TABLE triggered_child (id int REFERENCES triggered);
CREATE TABLE harmless_trigger (id int, body text, ts tsvector);
CREATE TRIGGER ts BEFORE INSERT OR UPDATE ON harmless_trigger FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger(ts, 'pg_catalog.english', body);
CREATE TRIGGER same BEFORE UPDATE ON harmless_trigger FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE TABLE conditional_trigger (id int);
CREATE TRIGGER cond BEFORE UPDATE ON conditional_trigger FOR EACH ROW WHEN (writer_immutable(new.id) = 1) EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE TABLE ruled (id int);
CREATE RULE also AS ON DELETE TO ruled DO ALSO DELETE FROM audits;
CREATE TABLE defaulted (id int DEFAULT writer());
CREATE TABLE serial_only (id serial, g int GENERATED ALWAYS AS IDENTITY, at timestamptz DEFAULT now(), r float DEFAULT random());
CREATE TABLE generated (id int, twice int GENERATED ALWAYS AS (writer_immutable(id)) STORED);
CREATE TABLE checked (id int CHECK (writer_immutable(id) > 0));
CREATE TABLE indexed (id int);
CREATE INDEX ON indexed ((writer_immutable(id)));
CREATE TABLE part_indexed (id int);
CREATE INDEX ON part_indexed (id) WHERE writer_immutable(id) > 0;
CREATE TABLE statted (id int);
CREATE STATISTICS stat_code ON (writer_immutable(id)) FROM statted;
CREATE TABLE part_keyed (id int) PARTITION BY LIST (writer_immutable(id));

CREATE DOMAIN plain_domain AS int CHECK (value > 0);
CREATE DOMAIN code_domain AS int CHECK (writer_immutable(value) > 0);
CREATE DOMAIN default_domain AS int DEFAULT writer();
CREATE DOMAIN over_domain AS code_domain;
CREATE TYPE code_row AS (x int, d over_domain);
CREATE TYPE price_range AS RANGE (SUBTYPE = numeric);
CREATE TABLE domain_array (d code_domain[]);
CREATE TABLE domain_row (r code_row);
CREATE TABLE domain_plain (d plain_domain);
CREATE TABLE domain_default (d default_domain);
CREATE TABLE domain_in_default (id int DEFAULT (1::code_domain)::int);
CREATE TABLE domain_in_check (id int CHECK ((id::code_domain)::int > 0));
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE moods (m mood);

CREATE TABLE secret (id int, who text);
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON secret USING (who = current_user);
CREATE TABLE secret_code (id int);
ALTER TABLE secret_code ENABLE ROW LEVEL SECURITY;
CREATE POLICY code ON secret_code USING (writer_immutable(id) = 1);
CREATE TABLE secret_view (id int);
ALTER TABLE secret_view ENABLE ROW LEVEL SECURITY;
CREATE POLICY through_view ON secret_view USING (id IN (SELECT w FROM v_writer));
CREATE VIEW v_secret AS SELECT id FROM secret;

CREATE SCHEMA other;
CREATE TABLE other.orders (id int);
CREATE FUNCTION other.upper(text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
CREATE FUNCTION public.lower(int) RETURNS int VOLATILE LANGUAGE plpgsql AS $$ BEGIN RETURN writer(); END $$;
CREATE FUNCTION add_it(int, int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN writer(); END $$;
CREATE OPERATOR other.@+@ (LEFTARG = int, RIGHTARG = int, FUNCTION = add_it);
CREATE AGGREGATE collect(int) (SFUNC = add_it, STYPE = int);
CREATE AGGREGATE own_sum(int) (SFUNC = int4pl, STYPE = int);
CREATE FUNCTION total(customers) RETURNS numeric STABLE LANGUAGE sql AS 'SELECT sum(total) FROM orders WHERE customer = $1.id';

CREATE SEQUENCE counter;
CREATE UNLOGGED TABLE scratch (id int);
CREATE TABLE zoned (at timetz);
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE far (line text) SERVER files OPTIONS (filename '/dev/null');
CREATE TABLE tree_with_far (line text);
CREATE FOREIGN TABLE far_child () INHERITS (tree_with_far) SERVER files OPTIONS (filename '/dev/null');
CREATE TABLE "Mixed" ("Id" int);
CREATE VIEW v_functions AS SELECT customers.total AS t FROM customers;
)sql";

}  // namespace larder::test
