-- Fills TPC-H's tables at :scale, by the rules of its specification (section 4.2.3): the same counts, domains and dependencies. The
-- texts of comments are shorter than there. The same scale gives the same rows: the seed is fixed.
SET max_parallel_workers_per_gather = 0;
SET synchronous_commit = off;
SELECT setseed(0.17) \g /dev/null

CREATE TEMP TABLE size AS
SELECT greatest(40, round(10000 * :scale))::int AS suppliers, greatest(200, round(200000 * :scale))::int AS parts, greatest(150, round(150000 * :scale))::int AS customers,
       greatest(1500, round(1500000 * :scale))::int AS orders;
CREATE FUNCTION pg_temp.pick(words text[]) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT words[1 + floor(random() * array_length(words, 1))::int] $$;
CREATE FUNCTION pg_temp.between(low int, high int) RETURNS int LANGUAGE sql VOLATILE AS $$ SELECT low + floor(random() * (high - low + 1))::int $$;
CREATE FUNCTION pg_temp.comment() RETURNS text LANGUAGE sql VOLATILE AS
$$ SELECT pg_temp.pick('{furiously,carefully,quickly,slyly,blithely}') || ' ' || pg_temp.pick('{final,special,express,regular,ironic,pending}') || ' ' ||
          pg_temp.pick('{requests,accounts,deposits,packages,foxes,ideas}') || ' ' || pg_temp.pick('{sleep,wake,nag,haggle,detect}') $$;

INSERT INTO region SELECT n - 1, name, 'region' FROM unnest('{AFRICA,AMERICA,ASIA,EUROPE,"MIDDLE EAST"}'::text[]) WITH ORDINALITY AS r (name, n);
INSERT INTO nation
SELECT n - 1, name, region, 'nation'
FROM unnest('{ALGERIA,ARGENTINA,BRAZIL,CANADA,EGYPT,ETHIOPIA,FRANCE,GERMANY,INDIA,INDONESIA,IRAN,IRAQ,JAPAN,JORDAN,KENYA,MOROCCO,MOZAMBIQUE,PERU,CHINA,ROMANIA,"SAUDI ARABIA",VIETNAM,RUSSIA,"UNITED KINGDOM","UNITED STATES"}'::text[],
            '{0,1,1,1,4,0,3,3,2,2,4,4,2,4,0,0,0,1,2,3,4,2,3,3,1}'::int[]) WITH ORDINALITY AS n (name, region, n);

INSERT INTO supplier
SELECT n, 'Supplier#' || lpad(n::text, 9, '0'), 'address ' || n, nation, (10 + nation) || '-' || pg_temp.between(100, 999) || '-' || pg_temp.between(100, 999) || '-' || pg_temp.between(1000, 9999),
       round((random() * 10999 - 999.99)::numeric, 2), CASE WHEN n % 2000 = 7 THEN 'the Customer waits with Complaints' ELSE pg_temp.comment() END
FROM (SELECT n, pg_temp.between(0, 24) AS nation FROM generate_series(1, (SELECT suppliers FROM size)) AS n) AS s;

INSERT INTO part
SELECT n, colour || ' ' || pg_temp.pick('{almond,azure,beige,blue,brown,coral,cream,forest,green,ivory,khaki,lemon,navy,olive,peach,plum,red,rose,salmon,tan,white}') || ' metal',
       'Manufacturer#' || mfgr, 'Brand#' || mfgr || brand,
       pg_temp.pick('{STANDARD,SMALL,MEDIUM,LARGE,ECONOMY,PROMO}') || ' ' || pg_temp.pick('{ANODIZED,BURNISHED,PLATED,POLISHED,BRUSHED}') || ' ' || pg_temp.pick('{TIN,NICKEL,BRASS,STEEL,COPPER}'),
       pg_temp.between(1, 50), pg_temp.pick('{SM,LG,MED,JUMBO,WRAP}') || ' ' || pg_temp.pick('{CASE,BOX,BAG,JAR,PKG,PACK,CAN,DRUM}'),
       (90000 + (n / 10) % 20001 + 100 * (n % 1000)) / 100.0, 'part ' || n % 1000
FROM (SELECT n, pg_temp.pick('{almond,azure,beige,blue,brown,coral,cream,forest,green,ivory,khaki,lemon,navy,olive,peach,plum,red,rose,salmon,tan,white}') AS colour,
             pg_temp.between(1, 5) AS mfgr, pg_temp.between(1, 5) AS brand
      FROM generate_series(1, (SELECT parts FROM size)) AS n) AS p;

INSERT INTO partsupp
SELECT p, (p + i * (suppliers / 4 + (p - 1) / suppliers)) % suppliers + 1, pg_temp.between(1, 9999), round((1 + random() * 999)::numeric, 2), pg_temp.comment() || ' ' || repeat('slyly even ', 8)
FROM size, generate_series(1, parts) AS p, generate_series(0, 3) AS i
ON CONFLICT DO NOTHING;

INSERT INTO customer
SELECT n, 'Customer#' || lpad(n::text, 9, '0'), 'address ' || n, nation, (10 + nation) || '-' || pg_temp.between(100, 999) || '-' || pg_temp.between(100, 999) || '-' || pg_temp.between(1000, 9999),
       round((random() * 10999 - 999.99)::numeric, 2), pg_temp.pick('{AUTOMOBILE,BUILDING,FURNITURE,MACHINERY,HOUSEHOLD}'), pg_temp.comment()
FROM (SELECT n, pg_temp.between(0, 24) AS nation FROM generate_series(1, (SELECT customers FROM size)) AS n) AS c;

-- Every third customer orders nothing; of each 32 order keys 8 are used.
CREATE TEMP TABLE drawn AS
SELECT (n - 1) / 8 * 32 + (n - 1) % 8 + 1 AS key, 3 * pg_temp.between(0, (SELECT customers FROM size) / 3 - 1) + pg_temp.between(1, 2) AS customer,
       date '1992-01-01' + pg_temp.between(0, 2405) AS day, pg_temp.between(1, 7) AS lines
FROM generate_series(1, (SELECT orders FROM size)) AS n;

INSERT INTO lineitem
SELECT key, part, (part + pg_temp.between(0, 3) * (suppliers / 4 + (part - 1) / suppliers)) % suppliers + 1, line, quantity, quantity * (90000 + (part / 10) % 20001 + 100 * (part % 1000)) / 100.0,
       pg_temp.between(0, 10) / 100.0, pg_temp.between(0, 8) / 100.0, CASE WHEN received <= '1995-06-17' THEN pg_temp.pick('{R,A}') ELSE 'N' END,
       CASE WHEN shipped > '1995-06-17' THEN 'O' ELSE 'F' END, shipped, day + pg_temp.between(30, 90), received,
       pg_temp.pick('{"DELIVER IN PERSON","COLLECT COD",NONE,"TAKE BACK RETURN"}'), pg_temp.pick('{"REG AIR",AIR,RAIL,SHIP,TRUCK,MAIL,FOB}'), pg_temp.comment()
FROM (SELECT l.*, shipped + pg_temp.between(1, 30) AS received
      FROM (SELECT key, day, line, day + pg_temp.between(1, 121) AS shipped, pg_temp.between(1, (SELECT parts FROM size)) AS part, pg_temp.between(1, 50) AS quantity
            FROM drawn, generate_series(1, lines) AS line) AS l) AS l, size
ORDER BY key, line;

INSERT INTO orders
SELECT d.key, d.customer, CASE WHEN l.open = 0 THEN 'F' WHEN l.open = d.lines THEN 'O' ELSE 'P' END, l.total, d.day, pg_temp.pick('{1-URGENT,2-HIGH,3-MEDIUM,"4-NOT SPECIFIED",5-LOW}'),
       'Clerk#' || lpad(pg_temp.between(1, greatest(1, (SELECT orders FROM size) / 1500))::text, 9, '0'), 0, pg_temp.comment()
FROM drawn d
JOIN (SELECT l_orderkey, count(*) FILTER (WHERE l_linestatus = 'O') AS open, sum(round(l_extendedprice * (1 + l_tax) * (1 - l_discount), 2)) AS total
      FROM lineitem GROUP BY l_orderkey) AS l ON l.l_orderkey = d.key
ORDER BY d.key;
