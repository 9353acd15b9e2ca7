#include "advisor/index_spec.h"

#include <catch2/catch.hpp>

#include "advisor/redundancy.h"

using namespace larder::advisor;

namespace {

Relation orders() {
    Relation relation;
    relation.name = relation.quoted = "orders";
    relation.full = "public.orders", relation.prefix = "public.";
    for (const char* name : {"id", "user_id", "status"}) {
        Column column;
        column.number = static_cast<int>(relation.columns.size()) + 1;
        column.name = column.quoted = name;
        column.is_not_null = true;
        relation.columns.push_back(column);
    }
    return relation;
}

Index index_on(const std::string& name, std::vector<int> keys) {
    Index index;
    index.name = name;
    index.method = "btree";
    index.keys = index.all_columns = std::move(keys);
    std::string list, classes;
    for (const int key : index.keys) list += (list.empty() ? "" : ", ") + std::to_string(key), classes += classes.empty() ? "1" : " 1";
    index.quoted = name;
    index.definition = "CREATE INDEX " + name + " ON public.orders USING btree (" + list + ")";
    index.options = classes + "/" + classes + "/" + classes;
    return index;
}

}  // namespace

TEST_CASE("an index says what it is") {
    const Relation relation = orders();
    IndexSpec spec;
    spec.relation = &relation;
    spec.keys = {{"status", 3, {}, false, false}};
    CHECK(spec.kind() == "btree_single");
    CHECK(spec.ddl() == "CREATE INDEX orders_status_idx ON public.orders (status)");
    CHECK(spec.concurrent_ddl() == "CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_status_idx ON public.orders (status)");
    CHECK(spec.undo() == "DROP INDEX CONCURRENTLY public.orders_status_idx");
    spec.keys.push_back({"id", 1, {}, true, false});
    CHECK(spec.kind() == "btree_composite");
    CHECK(spec.signature() == "orders (status, id DESC NULLS LAST)");
    spec.include = {"user_id"};
    CHECK(spec.kind() == "btree_covering");
    spec.where = "status = 'x'";
    CHECK(spec.kind() == "btree_partial");
    CHECK(spec.signature() == "orders (status, id DESC NULLS LAST) INCLUDE (user_id) WHERE status = 'x'");
    spec = {};
    spec.relation = &relation;
    spec.keys = {{"lower(status)", 0, "text_pattern_ops", false, false}};
    CHECK(spec.kind() == "btree_expression");
    CHECK(spec.signature() == "orders ((lower(status)) text_pattern_ops)");
    spec.stand_in = "CREATE INDEX ON % ((status IS NULL)) WHERE a";
    CHECK(spec.hypothetical("leaf") == "CREATE INDEX ON leaf ((status IS NULL)) WHERE a");
}

TEST_CASE("an index's name is new and short enough") {
    Relation relation = orders();
    relation.indexes.push_back(index_on("orders_status_idx", {3}));
    IndexSpec spec;
    spec.relation = &relation;
    spec.keys = {{"status", 3, {}, false, false}};
    CHECK(spec.name() == "orders_status_idx2");
    spec.keys = {{std::string(200, 'x') + "('Ü')", 0, {}, false, false}, {std::string(200, 'y'), 0, {}, false, false}, {std::string(90, 'z'), 0, {}, false, false}};
    CHECK(spec.name().size() <= 63);
    // Cut between characters, and two that differ only in what is not in the name have names that differ.
    Relation other = orders();
    other.name = "a\"" + std::string(20, 'x') + "\xC3\xBC\xC3\xBC";
    IndexSpec one;
    one.relation = &other;
    one.keys = {{"id", 1, {}, false, false}};
    one.where = "status = 'x'";
    IndexSpec two = one;
    two.where = "status = 'y'";
    CHECK(one.name() != two.name());
    CHECK(one.name().starts_with("\"a\"\"xxxxxxxxxxxxxxxxxxxx\xC3\xBC_id_partial_"));
}

TEST_CASE("what an index that is there begins with is not advised") {
    const Relation relation = orders();
    IndexSpec spec;
    spec.relation = &relation;
    spec.keys = {{"user_id", 2, {}, false, false}};
    CHECK(starts_like(index_on("a", {2, 3}), spec));
    CHECK_FALSE(starts_like(index_on("a", {3, 2}), spec));
    Index invalid = index_on("a", {2});
    invalid.is_valid = false;
    CHECK_FALSE(starts_like(invalid, spec));
}

TEST_CASE("doubles, leading parts and invalid indexes are redundant, constraints are not") {
    Relation relation = orders();
    relation.indexes = {index_on("a", {2, 3}), index_on("b", {2, 3}), index_on("c", {2}), index_on("d", {3})};
    relation.indexes.push_back(index_on("e", {1}));
    relation.indexes.back().is_valid = false;
    Index key = index_on("pkey", {1});
    key.is_unique = key.is_primary = key.backs_constraint = true;
    relation.indexes.push_back(key);
    relation.indexes.push_back(index_on("f", {1}));
    std::vector<std::string> names;
    for (const auto& spare : redundant_indexes(relation)) names.push_back(spare.quoted);
    CHECK(names == std::vector<std::string>{"public.b", "public.c", "public.e", "public.f"});
    CHECK(relation.is_key({1, 2}));
    CHECK_FALSE(relation.is_key({2, 3}));
}
