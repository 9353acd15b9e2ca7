// Texts made to break a parser: deep, wide, long, garbled. Nothing may crash; what is given up says so.
#include <pthread.h>

#include <functional>
#include <random>
#include <thread>

#include "support.h"

using namespace larder::sql;
using namespace larder::sql::test;

namespace {

std::string repeat(const std::string& part, int times) {
    std::string result;
    result.reserve(part.size() * static_cast<std::size_t>(times));
    for (int i = 0; i < times; ++i) result += part;
    return result;
}

std::string nested(const std::string& open, const std::string& inside, const std::string& close, int times) {
    return repeat(open, times) + inside + repeat(close, times);
}

struct Shape {
    std::string prefix, open, inside, close, suffix;
};

const Shape kShapes[] = {
    {"SELECT ", "(", "1", ")", ""},
    {"SELECT ", "NOT ", "true", "", ""},
    {"SELECT ", "- ", "1", "", ""},
    {"SELECT ", "f(", "1", ")", ""},
    {"SELECT ", "ARRAY[", "1", "]", ""},
    {"SELECT ", "ROW(", "1", ")", ""},
    {"SELECT ", "(1,", "1", ")", ""},
    {"SELECT ", "COALESCE(", "1", ")", ""},
    {"SELECT ", "(SELECT ", "1", ")", ""},
    {"SELECT ", "EXISTS (SELECT 1 WHERE ", "true", ")", ""},
    {"SELECT ", "1 IN (SELECT ", "1", ")", ""},
    {"SELECT ", "CASE WHEN true THEN ", "1", " END", ""},
    {"SELECT ", "CASE ", "1", " WHEN 1 THEN 1 END", ""},
    {"SELECT ", "CAST(", "1", " AS int)", ""},
    {"SELECT ", "1+(", "1", ")", ""},
    {"SELECT ", "1 IN (1,", "1", ")", ""},
    {"SELECT ", "a[", "1", "]", ""},
    {"SELECT ", "(true AND (false OR ", "true", "))", ""},
    {"SELECT * FROM ", "(SELECT * FROM ", "t", ") x", ""},
    {"SELECT * FROM ", "(", "t", " JOIN t ON true)", ""},
    {"SELECT * FROM ", "t JOIN (", "t JOIN t ON true", ") ON true", ""},
    {"SELECT * FROM t WHERE ", "(a = 1 AND ", "true", ")", ""},
    {"", "WITH x AS (", "SELECT 1", ") SELECT 1", ""},
    {"", "WITH x AS (INSERT INTO t ", "SELECT 1", " RETURNING 1) SELECT 1", ""},
    {"", "(SELECT 1 UNION ", "SELECT 1", ")", ""},
    {"", "EXPLAIN ", "SELECT 1", "", ""},
    {"INSERT INTO t VALUES (", "(", "1", ")", ")"},
    {"UPDATE t SET a = ", "(", "1", ")", " WHERE true"},
    {"CREATE TABLE t (a int DEFAULT ", "(", "1", "))", ")"},
    {"DO $$ ", "(", "", ")", "$$"},
    {"SELECT xmlelement(name a", ", xmlelement(name a", "", ")", ")"},
    {"SELECT ", "sum(a) FILTER (WHERE ", "true", ")", ""},
    {"SELECT ", "sum(a) OVER (PARTITION BY ", "1", ")", ""},
};

std::string shaped(const Shape& shape, int times) {
    return shape.prefix + nested(shape.open, shape.inside, shape.close, times) + shape.suffix;
}

// Runs on a thread of its own with that much stack.
void run_on_thread(std::size_t stack_bytes, const std::function<void()>& work) {
    pthread_attr_t attributes;
    REQUIRE(pthread_attr_init(&attributes) == 0);
    REQUIRE(pthread_attr_setstacksize(&attributes, stack_bytes) == 0);
    pthread_t thread;
    const auto start = [](void* argument) -> void* {
        (*static_cast<const std::function<void()>*>(argument))();
        return nullptr;
    };
    REQUIRE(pthread_create(&thread, &attributes, start, const_cast<std::function<void()>*>(&work)) == 0);
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kSmallStack = 4 * 1024 * 1024;  // frames are several times larger under sanitizers
#else
constexpr std::size_t kSmallStack = 512 * 1024;
#endif

}  // namespace

TEST_CASE("deeply nested texts of every shape are refused or given up, on a small stack") {
    std::vector<std::string> wrong;
    run_on_thread(kSmallStack, [&wrong] {
        for (const Shape& shape : kShapes)
            for (const int times : {10, 200, 900, 1000, 1001, 3000, 10000, 30000}) {
                const TextFacts facts = analyse(shaped(shape, times));
                // Far beyond the limit no shape may come back as understood but those that are flat or a spine.
                for (const Facts& statement : facts.statements) {
                    const bool is_flat = statement.kind == Kind::do_block || statement.kind == Kind::ddl || shape.open == "(" || shape.open == "- " || shape.open == "CAST(";
                    if (times >= 3000 && !is_flat && statement.understood) wrong.push_back(shape.prefix + shape.open);
                }
            }
    });
    CHECK(wrong == std::vector<std::string>());
}

TEST_CASE("shallow nesting of every shape is understood") {
    for (const Shape& shape : kShapes) {
        if (shape.open == "EXPLAIN " || shape.prefix.find("DEFAULT") != std::string::npos) continue;
        const std::string text = shaped(shape, 1);
        INFO(text);
        const TextFacts facts = analyse(text);
        INFO(facts.why_not);
        REQUIRE(facts.is_single());
        CHECK(facts.statements[0].understood);
    }
}

TEST_CASE("long chains are understood to the end, since they are walked in a loop") {
    struct Row {
        std::string expected, text;
    };
    const Row rows[] = {
        {"t / f", "SELECT a" + repeat("+1", 30000) + " + f() FROM t"},
        {"t / g", "SELECT g()" + repeat("::int", 10000) + " FROM t"},
        {"t u /", "SELECT * FROM t" + repeat(" UNION SELECT 1", 4000) + " UNION SELECT * FROM u"},
        {"t / f", "SELECT * FROM t WHERE a = 1" + repeat(" AND b", 9000) + " AND f()"},
        {"t / h", "SELECT h()" + repeat(" IS NULL", 7000) + " FROM t"},
        {"t / f", "SELECT (f())" + repeat("[1]", 15000) + " FROM t"},
        {"t /", "SELECT 1 FROM t WHERE a IN (1" + repeat(",1", 30000) + ")"},
    };
    for (const Row& row : rows) {
        TextFacts facts;
        run_on_thread(kSmallStack, [&] { facts = analyse(row.text); });
        INFO(row.text.substr(0, 40));
        REQUIRE(facts.is_single());
        CHECK(facts.statements[0].understood);
        const std::string functions = show(facts.statements[0].functions);
        CHECK(reads(facts.statements[0]) + " /" + (functions.empty() ? "" : " " + functions) == row.expected);
    }
}

TEST_CASE("texts beyond the limit of size are not parsed, whatever they hold") {
    for (const std::string& text : {"SELECT 1" + repeat("+1", 100000), "SELECT 1" + repeat("+1", 1000000), "SELECT 1" + repeat(" UNION SELECT 1", 100000),
                                    "SELECT " + repeat("(", 100000), repeat("SELECT 1;", 100000), "SELECT '" + repeat("'", 100000)}) {
        CHECK_FALSE(analyse(text).parsed);
        CHECK(fingerprint(text) == 0);
    }
}

TEST_CASE("many joins and CTEs are given up, not endured") {
    const TextFacts joins = analyse("SELECT * FROM t" + repeat(" JOIN t ON true", 4000));
    REQUIRE(joins.is_single());
    CHECK_FALSE(joins.statements[0].understood);
    std::string ctes = "WITH c AS (SELECT 1)";
    for (int i = 0; i < 300; ++i) ctes += ", c" + std::to_string(i) + " AS (SELECT 1)";
    const TextFacts many = analyse(ctes + " SELECT 1");
    REQUIRE(many.is_single());
    CHECK_FALSE(many.statements[0].understood);
    CHECK(analyse(repeat("SELECT 1;", 7000)).statements.size() == 7000);
}

TEST_CASE("fingerprints of hostile texts are harmless") {
    std::thread([] {
        for (const Shape& shape : kShapes)
            for (const int times : {10, 900, 1001, 10000}) fingerprint(shaped(shape, times));
        for (const int times : {900, 1100, 30000}) {
            fingerprint("SELECT 1" + repeat("+1", times));
            fingerprint("SELECT 1" + repeat(" UNION SELECT 1", times));
            fingerprint("SELECT 1" + repeat("::int", times));
            fingerprint("SELECT 1 WHERE a" + repeat(" AND b", times));
        }
    }).join();
}

TEST_CASE("bytes that are no text are harmless") {
    std::mt19937 random(4711);
    for (int round = 0; round < 3000; ++round) {
        std::string text = round % 2 ? "SELECT " : "";
        for (int i = static_cast<int>(random() % 60); i > 0; --i) text += static_cast<char>(random() % 256);
        const TextFacts facts = analyse(text);
        CHECK((facts.parsed || !facts.why_not.empty()));
        fingerprint(text);
    }
    for (const char* text : {"SELECT '\xff\xfe'", "SELECT \xc3", "SELECT \"\xf0\x9f\"", "SELECT U&'\\d800'", "SELECT E'\\x00'", "\xef\xbb\xbfSELECT 1", "SELECT e'\\u0000'"})
        analyse(text);
}

TEST_CASE("several threads analyse at once and each gets its own facts") {
    std::vector<std::thread> threads;
    std::vector<int> wrong(4, 0);
    for (int id = 0; id < 4; ++id)
        threads.emplace_back([id, &wrong] {
            const std::string table = "t" + std::to_string(id);
            for (int i = 0; i < 3000; ++i) {
                const TextFacts good = analyse("SELECT f" + std::to_string(id) + "(a) FROM " + table + " WHERE id = " + std::to_string(i));
                const bool is_right = good.is_single() && good.statements[0].understood && reads(good.statements[0]) == table &&
                                      good.statements[0].reads[0].key_tests.at(0).values.at(0).integer == i;
                const TextFacts bad = analyse("SELECT FROM FROM " + table);
                if (!is_right || bad.parsed) ++wrong[static_cast<std::size_t>(id)];
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == std::vector<int>(4, 0));
}
