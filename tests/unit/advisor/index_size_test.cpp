#include "advisor/index_size.h"

#include <catch2/catch.hpp>

#include "advisor/writes.h"
#include "sql/tree.h"

using namespace larder::advisor;

namespace {

Relation orders() {
    Relation relation;
    relation.name = relation.quoted = "orders";
    relation.rows = 1'000'000;
    relation.pages = 20'000;
    for (const char* name : {"id", "status", "note"}) {
        Column column;
        column.number = static_cast<int>(relation.columns.size()) + 1;
        column.name = column.quoted = name;
        column.type = 25;
        column.average_width = column.name == "note" ? 40 : 8;
        column.distinct = column.name == "status" ? 6 : -1;
        relation.columns.push_back(column);
    }
    return relation;
}

IndexSpec on(const Relation& relation, std::vector<std::string> names) {
    IndexSpec spec;
    spec.relation = &relation;
    for (const auto& name : names) spec.keys.push_back({name, relation.column(name) ? relation.column(name)->number : 0, {}, false, false});
    return spec;
}

}  // namespace

TEST_CASE("an index is about as large as PostgreSQL makes it") {
    const Relation relation = orders();
    // As measured for a million rows: 21.4 MB for a bigint key, 6.6 MB where a few values are shared by all rows.
    CHECK(index_bytes(on(relation, {"id"})) == Approx(22.4e6).epsilon(0.1));
    CHECK(index_bytes(on(relation, {"status"})) == Approx(6.7e6).epsilon(0.1));
    CHECK(index_bytes(on(relation, {"id"}), 0.01) < 0.02 * index_bytes(on(relation, {"id"})));
    Relation padded = orders();
    padded.columns[1].type = 1042;  // char(n): as measured, each row has its key
    CHECK(index_bytes(on(padded, {"status"})) == Approx(22.4e6).epsilon(0.1));
    IndexSpec covering = on(relation, {"status"});
    covering.include = {"note"};
    CHECK(index_bytes(covering) > 50e6);
    // Two columns that together have fewer values than rows: counted, since their own counts do not tell.
    Relation pairs = orders();
    pairs.columns[0].distinct = 50'000;
    pairs.columns[2].distinct = 90;
    CHECK(wants_count(on(pairs, {"id", "note"})));
    CHECK_FALSE(wants_count(on(pairs, {"id"})));
    CHECK(index_bytes(on(pairs, {"id", "note"}), 1, 100'000) < 0.5 * index_bytes(on(pairs, {"id", "note"})));
    IndexSpec brin = on(relation, {"id"});
    brin.method = "brin";
    CHECK(index_bytes(brin) < 100e3);
}

TEST_CASE("a writer pays for the indexes that its rows are entered into") {
    const Relation relation = orders();
    Writes insert{&relation, 10, true, {}};
    CHECK(insert.upkeep(on(relation, {"id"})) == Approx(11));
    Writes update{&relation, 10, false, {"status"}};
    CHECK(update.upkeep(on(relation, {"id"})) == 0);
    CHECK(update.upkeep(on(relation, {"status", "id"})) > 10);
    CHECK(update.upkeep(on(relation, {"lower(status)"})) > 10);
    IndexSpec partial = on(relation, {"id"});
    partial.where = "status = 'x'";
    CHECK(update.upkeep(partial) > 10);
    const Relation other = orders();
    CHECK(insert.upkeep(on(other, {"id"})) == 0);
    CHECK(Writes{}.upkeep(on(relation, {"id"})) == 0);
}
