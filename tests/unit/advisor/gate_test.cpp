#include "advisor/gate.h"

#include <catch2/catch.hpp>

using namespace larder;
using namespace larder::advisor;

namespace {

// One table, one builtin function and, if wanted, one of the database's own.
std::shared_ptr<const rules::Catalogue> catalogue(bool has_own_function) {
    rules::CatalogueRows rows;
    rules::RelationRow table{};
    table.oid = 20000, table.schema = "public", table.name = "t", table.kind = rules::RelationKind::table;
    rows.relations.push_back(table);
    rules::FunctionRow function{};
    function.oid = 870, function.schema = "pg_catalog", function.name = "lower", function.volatility = 'i', function.is_builtin = function.is_native = true;
    rows.functions.push_back(function);
    if (has_own_function) {
        function.oid = 20001, function.schema = "mallory", function.is_builtin = function.is_native = false;
        rows.functions.push_back(function);
    }
    return rules::Catalogue::build(std::move(rows));
}

}  // namespace

TEST_CASE("what may be planned is let through, also behind EXPLAIN and PREPARE") {
    Gate gate([known = catalogue(false)](bool) { return known; });
    for (const char* text : {"SELECT lower(a) FROM t", "EXPLAIN (FORMAT JSON, VERBOSE) SELECT lower(a) FROM t", "PREPARE p AS INSERT INTO t VALUES ($1)", "EXPLAIN DELETE FROM t"}) {
        CHECK_NOTHROW(gate.admit(text));
        CHECK_NOTHROW(gate.admit(text));
    }
    for (const char* text : {"SELECT own()", "SELECT 1; SELECT 2", "", "SELEC", "DROP TABLE t", "EXPLAIN EXECUTE p", "PREPARE p AS SELECT own()", "EXPLAIN INSERT INTO nowhere VALUES (1)",
                             "EXPLAIN CREATE TABLE x AS SELECT 1", "SET search_path = x"}) {
        INFO(text);
        CHECK_THROWS_AS(gate.admit(text), Refused);
    }
}

TEST_CASE("what was let through once is judged again when the catalogue has changed") {
    auto known = catalogue(false);
    Gate gate([&known](bool) { return known; });
    CHECK_NOTHROW(gate.admit("SELECT lower(a) FROM t"));
    known = catalogue(true);
    CHECK_THROWS_AS(gate.admit("SELECT lower(a) FROM t"), Refused);
    CHECK_NOTHROW(gate.admit("SELECT pg_catalog.lower(a) FROM t"));
}

TEST_CASE("without knowledge of the catalogue nothing is let through, and a wait for it ends when it is told to") {
    CHECK_THROWS_AS(Gate({}).admit("SELECT 1"), CatalogueUnknown);
    Wakeup stop;
    stop.wake();
    Gate gate([](bool) { return nullptr; }, &stop);
    CHECK_THROWS_AS(gate.admit("SELECT 1"), CatalogueUnknown);
    int asked = 0;
    Gate later([&asked](bool) -> std::shared_ptr<const rules::Catalogue> { return ++asked > 3 ? catalogue(false) : nullptr; });
    CHECK_NOTHROW(later.admit("SELECT 1 FROM t"));
}

TEST_CASE("the catalogue's source is told when a statement begins") {
    std::vector<bool> told;
    Gate gate([&told, known = catalogue(false)](bool is_first) { return told.push_back(is_first), known; });
    gate.admit("SELECT 1 FROM t");
    gate.admit("SELECT 2 FROM t");
    gate.begin_statement();
    gate.admit("SELECT 1 FROM t");
    CHECK(told == std::vector<bool>{true, false, true});
}
