// Bodies of triggers: what is found in them, and what is not understood.
#include <catch2/catch.hpp>

#include <algorithm>

#include "sql/trigger_body.h"

using namespace larder::sql;

namespace {

// The relations written, sorted, and behind a bar the columns of NEW that are set ("any": nobody knows).
std::string show(const std::string& body) {
    const auto found = analyse_trigger_body(body);
    if (!found) return "not understood";
    std::vector<std::string> names;
    for (const auto& text : found->statements) {
        for (const auto& use : text.statements.front().writes) names.push_back(use.target.name.name);
        for (const auto& function : text.statements.front().functions) names.push_back(function.name + "()");
    }
    std::sort(names.begin(), names.end());
    std::string out;
    for (const auto& name : names) out += name + " ";
    if (!found->sets) return out + "| any";
    auto sets = *found->sets;
    std::sort(sets.begin(), sets.end());
    out += "|";
    for (const auto& column : sets) out += " " + column;
    return out;
}

}  // namespace

TEST_CASE("what a body writes and sets") {
    const std::pair<const char*, const char*> kCases[] = {
        {"BEGIN NEW.updated_at := now(); RETURN NEW; END", "now() | updated_at"},
        {"BEGIN NEW.updated_at = now(); RETURN new; END;", "now() | updated_at"},
        {"BEGIN RETURN NULL; END", "|"},
        {"BEGIN OLD.a := 1; RETURN OLD; END", "|"},
        {"BEGIN NEW := OLD; RETURN NEW; END", "| any"},
        {"BEGIN SELECT * INTO NEW FROM t; RETURN NEW; END", "| any"},
        {"BEGIN SELECT a, b INTO NEW.x, NEW.y FROM t; RETURN NEW; END", "| x y"},
        {"BEGIN INSERT INTO a VALUES (1) RETURNING id INTO NEW.x; RETURN NEW; END", "a | x"},
        {"DECLARE n int; BEGIN GET DIAGNOSTICS n = ROW_COUNT; GET DIAGNOSTICS NEW.x = ROW_COUNT; RETURN NEW; END", "| x"},
        {"DECLARE r record; BEGIN r := NEW; RETURN r; END", "| any"},
        {"BEGIN RETURN (SELECT t FROM t); END", "| any"},
        {"BEGIN NEW.tags[length(f(1))] := g(2); RETURN NEW; END", "f() g() length() | tags"},
        {"BEGIN NEW.a := h('x = y :=', 1) = 2; RETURN NEW; END", "h() | a"},
        {"DECLARE x int := f(1); BEGIN RETURN NEW; END", "f() |"},
        {"BEGIN IF f() THEN INSERT INTO a VALUES (1); ELSIF g() THEN UPDATE b SET x = 1; ELSE DELETE FROM c; END IF; RETURN NULL; END", "a b c f() g() |"},
        {"BEGIN CASE f() WHEN g() THEN INSERT INTO a VALUES (1); ELSE INSERT INTO b VALUES (1); END CASE; RETURN NULL; END", "a b f() g() |"},
        {"BEGIN FOR i IN f()..g() BY h() LOOP INSERT INTO a VALUES (i); END LOOP; RETURN NULL; END", "a f() g() h() |"},
        {"DECLARE r record; BEGIN FOR r IN INSERT INTO a VALUES (1) RETURNING * LOOP INSERT INTO b VALUES (r.x); END LOOP; RETURN NULL; END", "a b |"},
        {"DECLARE x int; BEGIN FOREACH x IN ARRAY f() LOOP INSERT INTO a VALUES (x); END LOOP; RETURN NULL; END", "a f() |"},
        {"BEGIN WHILE f() LOOP INSERT INTO a VALUES (1); EXIT WHEN g(); END LOOP; RETURN NULL; END", "a f() g() |"},
        {"BEGIN BEGIN INSERT INTO a VALUES (1); EXCEPTION WHEN unique_violation THEN INSERT INTO b VALUES (1); WHEN others THEN PERFORM f(); END; RETURN NULL; END", "a b f() |"},
        {"BEGIN RAISE NOTICE '% %', f(), 2 USING HINT = g(); ASSERT h(), i(); RETURN NULL; END", "f() g() h() i() |"},
        {"BEGIN PERFORM f(x) FROM (SELECT 1 AS x) y; RETURN NULL; END", "f() |"},
        {"BEGIN WITH d AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM d; RETURN NULL; END", "a b |"},
        {"<<top>> DECLARE x int; BEGIN LOOP EXIT top; END LOOP; RETURN NULL; END top", "|"},
    };
    for (const auto& [body, wanted] : kCases) {
        INFO(body);
        CHECK(show(body) == wanted);
    }
}

TEST_CASE("what is made at run time, ends transactions or cannot be read is not understood") {
    for (const char* body : {"DECLARE c CURSOR FOR SELECT f(); r record; BEGIN OPEN c; FETCH c INTO r; CLOSE c; RETURN NULL; END", "DECLARE c CURSOR FOR SELECT f(); BEGIN RETURN NULL; END",
                             "BEGIN EXECUTE 'DELETE FROM a'; RETURN NULL; END", "BEGIN EXECUTE format('DELETE FROM %I', TG_TABLE_NAME) USING NEW.id; RETURN NULL; END",
                             "DECLARE r record; BEGIN FOR r IN EXECUTE 'SELECT 1' LOOP NULL; END LOOP; RETURN NULL; END", "DECLARE c refcursor; BEGIN OPEN c FOR EXECUTE 'SELECT 1'; RETURN NULL; END",
                             "BEGIN CALL p(); RETURN NULL; END", "BEGIN DO 'x'; RETURN NULL; END", "BEGIN COMMIT; RETURN NULL; END", "BEGIN ROLLBACK; RETURN NULL; END",
                             "BEGIN RETURN NEW END", "BEGIN", "", "this is no PL/pgSQL", "BEGIN INSERT INTO; RETURN NULL; END", "BEGIN PERFORM 'a\\'; RETURN NULL; END",
                             "BEGIN PERFORM '$larder_trigger_body$'; RETURN NULL; END", "BEGIN IF 1; 2 THEN NULL; END IF; RETURN NULL; END"}) {
        INFO(body);
        CHECK_FALSE(analyse_trigger_body(body));
    }
    CHECK_FALSE(analyse_trigger_body(std::string("BEGIN RETURN NULL; END\0", 23)));
    CHECK_FALSE(analyse_trigger_body("BEGIN RETURN NULL; END" + std::string(kParsedTextBytesMax, ' ')));
}

TEST_CASE("bodies of any depth end in an answer") {
    for (const std::size_t depth : {10u, 1'000u, 4'000u}) {
        std::string nested, loops;
        for (std::size_t i = 0; i < depth; ++i) nested += "BEGIN ";
        for (std::size_t i = 0; i < depth; ++i) nested += "END;";
        analyse_trigger_body(nested);
        analyse_trigger_body("BEGIN PERFORM " + std::string(depth, '(') + "1" + std::string(depth, ')') + "; RETURN NULL; END");
        analyse_trigger_body("BEGIN NEW.a" + std::string(depth, '[') + " := 1; RETURN NEW; END");
    }
    SUCCEED("it did not crash");
}
