#include "advisor/candidates.h"

#include <catch2/catch.hpp>

#include <algorithm>

#include "advisor/cost_model.h"
#include "advisor/search_candidates.h"

using namespace larder::advisor;

namespace {

struct Table {
    Relation relation;
    TableUse use;
    CandidateQuestions questions;

    Table() {
        relation.name = relation.quoted = "orders";
        relation.schema = "public";
        relation.rows = 100'000;
        relation.pages = 1000;
        relation.visible_share = 1;
        for (const char* name : {"id", "status", "placed_at", "total", "user_id"}) {
            Column column;
            column.number = static_cast<int>(relation.columns.size()) + 1;
            column.name = column.quoted = name;
            column.distinct = column.name == "status" ? 6 : -1;
            column.category = 'N';
            relation.columns.push_back(column);
        }
        use.relation = &relation;
        use.rows = 1000;
        questions.rows = [](const Relation&, const std::string& condition) { return condition.find("status") != std::string::npos ? 700.0 : 50.0; };
        questions.type = [](const Relation&, const std::string&) { return CandidateQuestions::Type{}; };
        questions.folded = [](const Atom& atom) { return atom.text; };
    }

    void atom(AtomKind kind, const std::string& column, const std::string& op, bool is_join = false) {
        Atom one;
        one.kind = kind;
        one.subject = column;
        one.column = relation.column(column) ? relation.column(column)->number : 0;
        one.op = op;
        one.is_join = is_join;
        one.is_constant = !is_join;
        if (!is_join) one.text = column + " " + op + " 'x'";
        one.other = *parse_expression("'x'");
        use.atoms.push_back(one);
    }

    void order(const std::string& column, bool descending = false) {
        SortUse sort;
        sort.is_limited = true;
        sort.columns.push_back({column, relation.column(column)->number, descending, descending, {}, column});
        use.sorts.push_back(sort);
    }

    // The candidates' definitions, from the opening parenthesis on.
    std::vector<std::string> offered() {
        std::vector<std::string> texts;
        for (const auto& spec : candidates(use, OperatorClasses(std::vector<OperatorClass>()), questions)) texts.push_back(spec.signature().substr(7));
        return texts;
    }
};

bool holds(const std::vector<std::string>& all, const std::string& one) { return std::find(all.begin(), all.end(), one) != all.end(); }

}  // namespace

TEST_CASE("equality comes before a range and before an order") {
    Table table;
    table.atom(AtomKind::equality, "status", "=");
    table.atom(AtomKind::range, "total", ">");
    table.order("placed_at");
    const auto offered = table.offered();
    CHECK(holds(offered, "(status, total)"));
    CHECK(holds(offered, "(status, placed_at)"));
    CHECK(holds(offered, "(placed_at)"));
    CHECK_FALSE(holds(offered, "(total, status)"));
}

TEST_CASE("the most selective equality comes first") {
    Table table;
    table.atom(AtomKind::equality, "status", "=");
    table.atom(AtomKind::equality, "user_id", "=");
    CHECK(holds(table.offered(), "(user_id, status)"));
}

TEST_CASE("a join's column may stand before or after the constants") {
    Table table;
    table.atom(AtomKind::equality, "user_id", "=", true);
    table.atom(AtomKind::equality, "status", "=");
    const auto offered = table.offered();
    CHECK(holds(offered, "(user_id)"));
    CHECK(holds(offered, "(user_id, status)"));
    CHECK(holds(offered, "(status, user_id)"));
}

TEST_CASE("a value that few rows have makes a partial index, if there is something to order by; a lookup does not") {
    Table table;
    table.atom(AtomKind::equality, "status", "=");
    CHECK_FALSE(holds(table.offered(), "(id) WHERE status = 'x'"));
    table.order("placed_at");
    CHECK(holds(table.offered(), "(placed_at) WHERE status = 'x'"));
    table.questions.parameters = {"x"};
    CHECK_FALSE(holds(table.offered(), "(placed_at) WHERE status = 'x'"));
}

TEST_CASE("a value that most rows have is no key by itself") {
    Table table;
    table.questions.rows = [](const Relation&, const std::string&) { return 90'000.0; };
    table.atom(AtomKind::equality, "status", "=");
    CHECK(table.offered().empty());
}

TEST_CASE("a mixed order is copied, a backward one is not") {
    Table table;
    table.order("placed_at", true);
    CHECK(holds(table.offered(), "(placed_at)"));
    table.use.sorts[0].columns.push_back({"id", 1, false, false, {}, "id"});
    CHECK(holds(table.offered(), "(placed_at DESC, id)"));
}

TEST_CASE("an index that is there is offered only to be widened") {
    Table table;
    Index index;
    index.name = "there";
    index.method = "btree";
    index.keys = index.all_columns = {5};
    table.relation.indexes.push_back(index);
    table.atom(AtomKind::range, "user_id", "<");
    table.use.needed = {4, 5};
    const auto found = candidates(table.use, OperatorClasses(std::vector<OperatorClass>()), table.questions);
    REQUIRE(found.size() == 1);
    CHECK(found[0].is_there);
    const auto wider = covering_variants(found, table.use);
    REQUIRE(wider.size() == 1);
    CHECK(wider[0].signature() == "orders (user_id) INCLUDE (total)");
    CHECK_FALSE(wider[0].is_there);
    table.use.rows = 20;
    CHECK(covering_variants(found, table.use).empty());
}

TEST_CASE("operators find their classes, the smaller one first") {
    const std::vector<OperatorClass> all = {{"gin", "jsonb_ops", 3802, true, "@>", false}, {"gin", "jsonb_ops", 3802, true, "?", false},
                                            {"gin", "jsonb_path_ops", 3802, false, "@>", false}, {"gist", "range_ops", 3831, true, "&&", false},
                                            {"gist", "point_ops", 600, true, "<->", true}};
    const OperatorClasses classes(all);
    REQUIRE(classes.serving("@>", 3802, false, false, false).size() == 2);
    CHECK(classes.serving("@>", 3802, false, false, false)[0].name == "jsonb_path_ops");
    CHECK(classes.serving("?", 3802, false, false, false)[0].name == "jsonb_ops");
    CHECK(classes.serving("&&", 3910, false, true, false).size() == 1);
    CHECK(classes.serving("<->", 600, false, false, false).empty());
    CHECK(classes.serving("<->", 600, false, false, true).size() == 1);
}

TEST_CASE("trigrams are counted in runs of letters") {
    CHECK(trigrams_of("~~", "%wool%") == 2);
    CHECK(trigrams_of("~~", "%ab%") == 0);
    CHECK(trigrams_of("~~*", "abc_def%") == 2);
    CHECK(trigrams_of("~", "^abc.*xyz") == 2);
    CHECK(trigrams_of("~~", "") == 0);
}

TEST_CASE("fetching costs what was measured") {
    // Rows, table pages, cost: measured on GIN indexes, which cost 10 more to enter than is counted here.
    CHECK(fetch_cost(15, 1250) + 10 == Approx(76.7).margin(8));
    CHECK(fetch_cost(120, 1250) + 10 == Approx(417).margin(45));
    CHECK(fetch_cost(1e9, 100) > fetch_cost(10, 100));
    CHECK(fetch_cost(0, 0) > 0);
}

TEST_CASE("the formula finds that an index spares a scan, a sort and a join") {
    Table table;
    IndexSpec spec;
    spec.relation = &table.relation;
    spec.keys = {{"status", 2, {}, false, false}};
    spec.use.is_known = spec.use.is_selective = true;
    spec.use.rows = 20;
    PlanNode scan;
    scan.type = "Seq Scan";
    scan.schema = "public";
    scan.relation = scan.alias = "orders";
    scan.total_cost = 2250;
    scan.rows = 20;
    const Trial filtered = estimate(scan, {&spec});
    CHECK(filtered.used == std::vector<std::size_t>{0});
    CHECK(filtered.cost < 150);
    spec.use.rows = 90'000;
    CHECK(estimate(scan, {&spec}).used.empty());

    PlanNode limit, sort;
    limit.type = "Limit";
    limit.rows = 10;
    sort.type = "Sort";
    scan.rows = 100'000;
    sort.total_cost = limit.total_cost = 9000;
    sort.children = {scan};
    limit.children = {sort};
    spec.use = {};
    spec.use.is_known = spec.use.is_ordered = true;
    spec.use.rows = 100'000;
    CHECK(estimate(limit, {&spec}).cost < 100);

    PlanNode join, outer;
    join.type = "Hash Join";
    join.join_type = "Inner";
    outer.type = "Result";
    outer.rows = 5;
    outer.total_cost = 10;
    join.total_cost = 2300;
    join.children = {outer, scan};
    spec.use = {};
    spec.use.is_known = spec.use.is_join = true;
    CHECK(estimate(join, {&spec}).cost < 100);
}
