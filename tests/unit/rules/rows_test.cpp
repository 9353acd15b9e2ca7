// Which rows reads depend on, and which rows and keys writes move.
#include <catch2/catch.hpp>

#include "unit/rules/world.h"

using namespace larder;
using namespace larder::rules;
using namespace larder::rules::test;

namespace {

constexpr Oid kInt4 = 23, kText = 25, kVarchar = 1043, kNumeric = 1700;

// users(id int primary key, email text unique, city text, n int): keys 0 (id), 1 (email), 2 (city, not unique).
// member(a int, b int, note varchar(3)), primary key (a, b).
Rows shop() {
    Rows rows;
    rows.relation(1, "users");
    rows.relation(2, "member");
    rows.relation(3, "child");
    rows.relation(4, "tree");
    rows.relation(5, "leaf");
    rows.view(6, "v", "SELECT users.id, users.email FROM public.users");
    rows.relation(7, "boss");
    rows.relation(8, "watched");
    rows.relation(9, "odd");
    auto& all = rows.rows;
    all.columns = {{1, "id", kInt4}, {1, "email", kText}, {1, "city", kText}, {1, "n", kInt4}, {1, "price", kNumeric},
                   {2, "a", kInt4}, {2, "b", kInt4}, {2, "note", kVarchar, 3 + 4},
                   {3, "id", kInt4}, {3, "user_id", kInt4},
                   {4, "id", kInt4}, {5, "id", kInt4}, {7, "id", kInt4}, {7, "boss_id", kInt4}, {8, "id", kInt4},
                   {9, "price", kNumeric}, {9, "name", kText, -1, false}, {9, "twice", kInt4, -1, true, true}, {9, "id", kInt4}};
    all.indexes = {{1, {"id"}, true}, {1, {"email"}, true}, {1, {"city"}, false}, {2, {"b", "a"}, true}, {2, {"note"}, true},
                   {3, {"id"}, true}, {3, {"user_id"}, false}, {4, {"id"}, true}, {5, {"id"}, true}, {7, {"id"}, true}, {8, {"id"}, true},
                   {9, {"price"}, true}, {9, {"name"}, true}, {9, {"twice"}, true}, {9, {"id"}, true}, {9, {"id"}, true, false}};
    all.inheritance = {{5, 4}};
    all.foreign_keys = {{3, 1, 'c', 'c'}, {7, 7, 'c', 'a'}};
    all.triggers = {{8, true, true, true}};
    return rows;
}

std::string show(const KeyRef& key) { return std::to_string(key.root) + "." + std::to_string(key.key); }

std::string show(const RowRef& row) {
    std::string out = show(row.key) + "[";
    for (const auto& part : row.parts) {
        if (&part != &row.parts.front()) out += ",";
        if (part.is_array) out += "each of ";
        if (part.parameter != 0) out += "$" + std::to_string(part.parameter);
        else if (part.type == KeyType::integer) out += std::to_string(*reinterpret_cast<const std::int64_t*>(part.bytes.data()));
        else out += part.bytes;
    }
    return out + "]";
}

// "scans | rows": each row read with ~ if it always depends on `absent`, else with the rows that prove it.
std::string reads(const World& world, const std::string& text) {
    const auto plan = world.plan(text);
    INFO(text);
    CHECK(plan.reason == Reason::none);
    std::string out = test::show(plan.reads);
    for (const auto& read : plan.row_reads) {
        for (const auto& row : read.values) out += (out.empty() ? "" : " ") + show(row);
        out += read.proving_rows == 0 ? "~" : "+" + std::to_string(read.proving_rows);
    }
    return out;
}

// Keys that move, with ! for `all` and ? for `absent`, then rows, each with what moves if its value turns out not to be known.
std::string moves(const World& world, const std::string& text) {
    const auto writes = world.plan(text).writes;
    std::string out;
    const auto mark = [](KeyCounter counter) { return counter == KeyCounter::all ? "!" : "?"; };
    for (const auto& move : writes.keys) out += (out.empty() ? "" : " ") + show(move.key) + mark(move.counter);
    for (const auto& move : writes.rows) out += (out.empty() ? "" : " ") + show(move.row) + mark(move.otherwise);
    return out;
}

}  // namespace

TEST_CASE("reads restricted to values of a key depend on rows") {
    const World world(shop());
    const std::pair<const char*, const char*> cases[] = {
        {"SELECT * FROM users WHERE id = 7", "1.0[7]+1"},
        {"SELECT * FROM users WHERE id = '7'", "1.0[7]+1"},
        {"SELECT * FROM users u WHERE u.id = $1 AND n > 2", "1.0[$1]+1"},
        {"SELECT * FROM users WHERE id = $1::INTEGER", "1.0[$1]+1"},
        {"SELECT * FROM users WHERE id = '7'::bigint", "1.0[7]+1"},
        {"SELECT * FROM users WHERE email = 'a'::text", "1.1[a]+1"},
        {"SELECT * FROM users WHERE email = $1::varchar", "1.1[$1]+1"},
        {"SELECT * FROM users WHERE id IN (1, 2)", "1.0[1] 1.0[2]+2"},
        {"SELECT * FROM users WHERE id = ANY (ARRAY[1, 2])", "1.0[1] 1.0[2]+2"},
        {"SELECT * FROM users WHERE id = ANY ($1)", "1.0[each of $1]+1"},
        {"SELECT * FROM users WHERE email = ANY ($1::text[])", "1.1[each of $1]+1"},
        {"SELECT * FROM users WHERE email = ANY ($1::int[])", "1"},
        {"SELECT u.n FROM users u JOIN child c ON c.user_id = u.id WHERE u.id = ANY ($1)", "1.0[each of $1]~ 3.1[each of $1]~"},
        {"SELECT * FROM member WHERE b = ANY ($1) AND a = 1", "2.0[1,each of $1]+1"},
        {"SELECT * FROM users WHERE email = 'a'", "1.1[a]+1"},
        {"SELECT * FROM users WHERE city = 'a'", "1.2[a]~"},
        {"SELECT * FROM users WHERE city = 'a' AND id = 7", "1.0[7]+1"},
        {"SELECT * FROM users WHERE city IN ('a', 'b') AND email = 'c'", "1.1[c]+1"},
        {"SELECT * FROM member WHERE a = 1 AND b = 2", "2.0[1,2]+1"},
        {"SELECT * FROM member WHERE b IN (2, 3) AND a = 1", "2.0[1,2] 2.0[1,3]+2"},
        {"SELECT count(*) FROM users WHERE id = 7", "1.0[7]~"},
        {"SELECT u.id, u.email FROM users u WHERE u.id = 7", "1.0[7]+1"},
        {"SELECT u.count FROM users u WHERE u.id = 7", "1.0[7]~"},
        {"SELECT u.n FROM users u JOIN child c ON c.user_id = u.id WHERE u.id = 7 AND c.id = 8", "1.0[7]+1 3.0[8]+1"},
        {"SELECT u.n FROM users u JOIN child c ON c.user_id = u.id WHERE u.id IN (7, 8) AND c.id = 8", "1.0[7] 1.0[8]~ 3.0[8]+1"},
        {"SELECT u.n FROM users u JOIN child c ON c.user_id = u.id WHERE u.id = 7", "1.0[7]+1 3.1[7]~"},
        {"SELECT u.n FROM users u JOIN child c ON c.user_id = u.id WHERE c.user_id = 7", "1.0[7]+1 3.1[7]~"},
        {"SELECT u.n FROM users u LEFT JOIN child c ON c.user_id = u.id WHERE u.id = $1", "1.0[$1]+1 3.1[$1]~"},
        {"SELECT u.n FROM users u LEFT JOIN child c ON c.user_id = u.id WHERE u.id = 7 AND c.id = 8", "1.0[7]+1 3.0[8]~"},
        {"SELECT u.n FROM child c LEFT JOIN users u ON u.id = c.user_id WHERE c.user_id = 7", "3.1[7]~ 1.0[7]~"},
        {"SELECT u.n FROM users u JOIN boss b ON b.id = u.id JOIN child c ON c.user_id = b.id WHERE u.id IN (7, 8)",
         "1.0[7] 1.0[8]~ 7.0[7] 7.0[8]~ 3.1[7] 3.1[8]~"},
        {"SELECT 1 FROM users JOIN boss USING (id) WHERE id = 7", "1.0[7]+1 7.0[7]+1"},
        // A join hands on nothing where nothing is restricted, or where values of the two columns do not compare as bytes.
        {"SELECT u.n FROM users u JOIN child c ON c.user_id = u.id", "1 3"},
        {"SELECT u.n FROM users u LEFT JOIN child c ON c.user_id = u.id WHERE c.id = 8", "1 3.0[8]~"},
        {"SELECT u.n FROM users u JOIN odd o ON o.price = u.id WHERE o.price = 7", "1 9"},
        {"SELECT u.n FROM users u JOIN odd o ON o.name = u.email WHERE o.name = 'a'", "1 9"},
        {"SELECT u.n FROM users u JOIN child c ON c.missing = u.id WHERE u.id = 7", "3 1.0[7]+1"},
        {"SELECT id FROM users WHERE id = 7 UNION SELECT id FROM users WHERE id = 8", "1.0[7]~ 1.0[8]~"},
        {"SELECT id, (SELECT n FROM users WHERE id = 8) FROM users WHERE id = 7", "1.0[7]+1 1.0[8]~"},
        {"WITH x AS (SELECT * FROM users WHERE id = 7) SELECT * FROM x", "1.0[7]~"},
    };
    for (const auto& [text, expected] : cases) CHECK(reads(world, text) == expected);
}

TEST_CASE("all other reads depend on their relations") {
    const World world(shop());
    for (const char* condition : {"id > 7", "id = 7 OR id = 8", "NOT id = 7", "id = 7.0", "id = 7::numeric", "id = 7::text", "id = '07'::int", "email = 'a'::int4", "id = NULL", "id IN (7, NULL)", "id = ' 7'", "n = 7", "price = 7",
                                  "email = 7", "email COLLATE \"C\" = 'a'", "lower(email) = 'a'", "id IN (SELECT 7)", "missing = 7", "u.id = 7"}) {
        CHECK(reads(world, "SELECT * FROM users WHERE " + std::string(condition)) == "1");
    }
    CHECK(reads(world, "SELECT * FROM member WHERE a = 1") == "2");
    CHECK(reads(world, "SELECT * FROM v WHERE id = 7") == "1");
    CHECK(reads(world, "SELECT * FROM tree WHERE id = 7") == "4");
    CHECK(reads(world, "SELECT * FROM leaf WHERE id = 7") == "4");
    CHECK(reads(world, "SELECT * FROM odd WHERE name = 'a' AND price = 7 AND twice = 7") == "9");
    std::string list = "1";
    for (int i = 2; i <= 64; ++i) list += ", " + std::to_string(i);
    CHECK(reads(world, "SELECT * FROM users WHERE id IN (" + list + ")").ends_with("+64"));
    CHECK(reads(world, "SELECT * FROM users WHERE id IN (" + list + ", 65)") == "1");
}

TEST_CASE("with an = of somebody's own there are no keys") {
    auto rows = shop();
    rows.rows.has_user_equality = true;
    const World world(rows);
    CHECK(reads(world, "SELECT * FROM users WHERE id = 7") == "1");
    CHECK(moves(world, "UPDATE users SET n = 1 WHERE id = 7") == "");
}

TEST_CASE("inserts move the rows they name, and `absent` where they do not") {
    const World world(shop());
    const std::pair<const char*, const char*> cases[] = {
        {"INSERT INTO users (id, email, city) VALUES (7, 'a', $1)", "1.0[7]? 1.1[a]? 1.2[$1]?"},
        {"INSERT INTO users VALUES (7, 'a')", "1.2? 1.0[7]? 1.1[a]?"},
        {"INSERT INTO users (email) VALUES ('a'), ('b')", "1.0? 1.2? 1.1[a]? 1.1[b]?"},
        {"INSERT INTO users (id, email) VALUES (DEFAULT, lower('a'))", "1.0? 1.1? 1.2?"},
        {"INSERT INTO users (id, email) VALUES (7, NULL)", "1.1? 1.2? 1.0[7]?"},
        {"INSERT INTO users (id) VALUES ('07')", "1.0? 1.1? 1.2?"},
        {"INSERT INTO users (id) VALUES (7.5)", "1.0? 1.1? 1.2?"},
        {"INSERT INTO users (id) OVERRIDING USER VALUE VALUES (7)", "1.0? 1.1? 1.2?"},
        {"INSERT INTO users DEFAULT VALUES", "1.0? 1.1? 1.2?"},
        {"INSERT INTO users SELECT * FROM users", "1.0? 1.1? 1.2?"},
        {"INSERT INTO users (id) VALUES (7) LIMIT 1", "1.0? 1.1? 1.2?"},
        {"COPY users FROM STDIN", "1.0? 1.1? 1.2?"},
        {"INSERT INTO users VALUES (7) ON CONFLICT DO NOTHING", "1.1? 1.2? 1.0[7]?"},
        {"INSERT INTO member (b, a, note) VALUES (2, 1, 'abc')", "2.0[1,2]? 2.1[abc]?"},
        {"INSERT INTO member (b, a, note) VALUES (2, 1, 'abc ')", "2.1? 2.0[1,2]?"},
        {"INSERT INTO member (a) VALUES (1)", "2.0? 2.1?"},
        {"INSERT INTO watched VALUES (7)", "8.0?"},
        {"INSERT INTO leaf VALUES (7)", ""},
        {"INSERT INTO v VALUES (7)", "1.0! 1.1! 1.2!"},
        {"EXPLAIN ANALYZE INSERT INTO member (b, a, note) VALUES (2, 1, 'abc')", "2.0[1,2]? 2.1[abc]?"},
    };
    for (const auto& [text, expected] : cases) {
        INFO(text);
        CHECK(moves(world, text) == expected);
    }
}

TEST_CASE("upserts move `all` of every key but a known arbiter") {
    const World world(shop());
    const std::pair<const char*, const char*> cases[] = {
        {"INSERT INTO users VALUES (7, 'a', 'b') ON CONFLICT (id) DO UPDATE SET n = 1", "1.1! 1.2! 3.0! 3.1! 1.0[7]!"},
        {"INSERT INTO users VALUES ($1, 'a', 'b') ON CONFLICT (id) DO UPDATE SET n = 1", "1.1! 1.2! 3.0! 3.1! 1.0[$1]!"},
        {"INSERT INTO users VALUES (DEFAULT, 'a', 'b') ON CONFLICT (id) DO UPDATE SET n = 1", "1.0! 1.1! 1.2! 3.0! 3.1!"},
        {"INSERT INTO users VALUES (7, 'a', 'b') ON CONFLICT (id) DO UPDATE SET id = 8", "1.0! 1.1! 1.2! 3.0! 3.1!"},
        {"INSERT INTO users VALUES (7, 'a', 'b') ON CONFLICT (email) DO UPDATE SET n = 1", "1.0! 1.2! 3.0! 3.1! 1.1[a]!"},
        {"INSERT INTO users VALUES (7, 'a', 'b') ON CONFLICT ON CONSTRAINT k DO UPDATE SET n = 1", "1.0! 1.1! 1.2! 3.0! 3.1!"},
        {"INSERT INTO users VALUES (7, 'a', 'b') ON CONFLICT (id) WHERE n > 1 DO UPDATE SET n = 1", "1.0! 1.1! 1.2! 3.0! 3.1!"},
        {"INSERT INTO users VALUES (7, 'a', 'b') ON CONFLICT (city) DO UPDATE SET n = 1", "1.0! 1.1! 1.2! 3.0! 3.1!"},
        {"INSERT INTO member VALUES (1, 2) ON CONFLICT (a, b) DO UPDATE SET note = 'x'", "2.1! 2.0[1,2]!"},
        {"INSERT INTO member VALUES (1, 2) ON CONFLICT (a) DO UPDATE SET note = 'x'", "2.0! 2.1!"},
        {"INSERT INTO watched VALUES (7) ON CONFLICT (id) DO UPDATE SET id = 1", "8.0!"},
        {"INSERT INTO odd (id) VALUES (7) ON CONFLICT (id) DO UPDATE SET price = 1", "9.0!"},
    };
    for (const auto& [text, expected] : cases) {
        INFO(text);
        CHECK(moves(world, text) == expected);
    }
}

TEST_CASE("updates and deletes by one key move `all` of the others") {
    const World world(shop());
    const std::pair<const char*, const char*> cases[] = {
        {"UPDATE child SET id = id WHERE user_id = 1", "3.0! 3.1[1]!"},
        {"UPDATE member SET note = 'x' WHERE a = 1 AND b = 2", "2.1! 2.0[1,2]!"},
        {"UPDATE member SET note = 'x' WHERE a = 1", "2.0! 2.1!"},
        {"UPDATE member SET b = 3 WHERE a = 1 AND b = 2", "2.1! 2.0[1,2]! 2.0[1,3]?"},
        {"UPDATE member SET b = $1 WHERE a = 1 AND b IN (2, 4)", "2.1! 2.0[1,2]! 2.0[1,4]! 2.0[1,$1]?"},
        {"UPDATE member SET b = b + 1 WHERE a = 1 AND b = 2", "2.0? 2.1! 2.0[1,2]!"},
        {"UPDATE member SET (a, b) = (5, 6) WHERE a = 1 AND b = 2", "2.1! 2.0[1,2]! 2.0[5,6]?"},
        {"UPDATE member SET note = 'x' WHERE note = 'y'", "2.0! 2.1[y]! 2.1[x]?"},
        {"UPDATE member SET note = 'xxxx' WHERE note = 'y'", "2.0! 2.1? 2.1[y]!"},
        {"UPDATE member SET note = DEFAULT WHERE note = 'y'", "2.0! 2.1? 2.1[y]!"},
        {"UPDATE member m SET note = 'x' FROM users u WHERE m.a = 1 AND m.b = u.id", "2.0! 2.1!"},
        {"UPDATE member m SET note = 'x' FROM users u WHERE m.a = 1 AND m.b = 2 AND u.id = 3", "2.1! 2.0[1,2]!"},
        {"DELETE FROM member WHERE a = $1 AND b = 2", "2.1! 2.0[$1,2]!"},
        {"DELETE FROM member", "2.0! 2.1!"},
        {"DELETE FROM member WHERE CURRENT OF c", "2.0! 2.1!"},
        {"DELETE FROM member WHERE a = 1 AND b = 2 OR true", "2.0! 2.1!"},
        {"DELETE FROM users WHERE id = 7", "1.1! 1.2! 3.0! 3.1! 1.0[7]!"},   // and the rows of child that go with it
        {"DELETE FROM boss WHERE id = 7", "7.0!"},                            // it takes rows of its own along
        {"UPDATE boss SET boss_id = 1 WHERE id = 7", "7.0[7]!"},
        {"UPDATE watched SET id = id WHERE id = 7", "8.0!"},
        {"DELETE FROM watched WHERE id = 7", "8.0!"},
        {"DELETE FROM v WHERE id = 7", "1.0! 1.1! 1.2! 3.0! 3.1!"},
        {"WITH d AS (DELETE FROM member WHERE a = 1 AND b = 2 RETURNING *) SELECT * FROM d", "2.1! 2.0[1,2]!"},
        {"MERGE INTO member USING users u ON a = u.id AND b = 2 WHEN MATCHED THEN DELETE", "2.0! 2.1!"},
        {"TRUNCATE member", "2.0! 2.1!"},
        {"LOCK TABLE member IN ACCESS EXCLUSIVE MODE", "2.0! 2.1!"},
        {"LOCK TABLE v IN ACCESS EXCLUSIVE MODE", "1.0! 1.1! 1.2!"},
    };
    for (const auto& [text, expected] : cases) {
        INFO(text);
        CHECK(moves(world, text) == expected);
        CHECK_FALSE(world.plan(text).writes.scans.empty());
    }
}

TEST_CASE("keys of a table") {
    auto rows = shop();
    for (int i = 0; i < 20; ++i) {
        rows.rows.columns.push_back({3, "c" + std::to_string(i), kInt4});
        rows.rows.indexes.push_back({3, {"c" + std::to_string(i)}, false});
    }
    const auto catalogue = rows.build();
    CHECK(catalogue->find_relation(1)->keys.size() == 3);
    CHECK(catalogue->find_relation(3)->keys.size() == kKeysMax);
    CHECK(catalogue->find_relation(3)->keys[0].is_unique);
    CHECK(catalogue->find_relation(4)->keys.empty());
    const auto& odd = *catalogue->find_relation(9);
    REQUIRE(odd.keys.size() == 1);
    CHECK(odd.keys[0].is_unique);
    CHECK_FALSE(odd.keys[0].is_arbiter);
}

TEST_CASE("a type's plain name is pg_catalog's only if that comes first") {
    World world(shop());
    world.env.search_path = {"public", "pg_catalog"};
    CHECK(reads(world, "SELECT * FROM users WHERE email = 'a'::text") == "1");
    CHECK(reads(world, "SELECT * FROM users WHERE id = 7::int") == "1.0[7]+1");
}
