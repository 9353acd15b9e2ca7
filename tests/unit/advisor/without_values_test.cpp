#include "advisor/without_values.h"

#include <catch2/catch.hpp>

#include "advisor/plan.h"

using namespace larder;
using namespace larder::advisor;

TEST_CASE("statements are shown in their normalised form, Larder's own rules as they are") {
    CHECK(statement_without_values("SELECT id FROM t WHERE a = 4711 AND b = 'secret'") == "SELECT id FROM t WHERE a = $1 AND b = $2");
    CHECK(statement_without_values("CREATE INDEX i ON s.t USING btree (a) WHERE (b = 'secret'::text)").find("secret") == std::string::npos);
    CHECK(statement_without_values("CREATE INDEX i ON s.t (a) WHERE b > 4711").find("4711") == std::string::npos);
    CHECK(statement_without_values("DROP INDEX CONCURRENTLY s.i2") == "DROP INDEX CONCURRENTLY s.i2");
    CHECK(statement_without_values("CREATE RULE r WITH (ttl = '1s')") == "CREATE RULE r WITH (ttl = '1s')");
    CHECK(statement_without_values("broken 'secret").find("secret") == std::string::npos);
    CHECK(statement_without_values("").empty());
}

TEST_CASE("a plan's conditions keep their columns and lose their values, also those of several lines") {
    CHECK(condition_without_values("((p.id > 6) AND (p.card = 'CARD-4111'::text))") == "((p.id > $1) AND (p.card = $2::text))");
    CHECK(condition_without_values("(p.id = $1)") == "(p.id = $1)");
    CHECK(condition_without_values("(a = 'one\nsecret\ntwo'::text)").find("secret") == std::string::npos);
    CHECK(condition_without_values("('open").find("open") == std::string::npos);
    PlanNode node;
    node.type = "Seq Scan", node.relation = "o'brien", node.total_cost = 2434, node.rows = 17;
    node.filters = {"(card = 'secret\n'::text)"};
    const auto picture = plan_picture(node, condition_without_values);
    CHECK(picture.find("Seq Scan on o'brien  (cost 2434, rows 17)") == 0);
    CHECK(picture.find("(card = $1::text)") != std::string::npos);
    CHECK(picture.find("secret") == std::string::npos);
}

TEST_CASE("a sentence keeps its words and figures and loses what it quotes of statements") {
    const std::pair<const char*, const char*> sentences[] = {
        {"The plan's cost falls from 1200 to 15 (99 %), as planned.", "The plan's cost falls from 1200 to 15 (99 %), as planned."},
        {"The columns' statistics (P13) of orders2: raise them.", "The columns' statistics (P13) of orders2: raise them."},
        {"Few rows meet status = 'it''s secret' (R31).", "Few rows meet status = '…' (R31)."},
        {"Few rows meet (name = E'a\\'' OR x).", "Few rows meet (name = E'…"},
        {"Rows with id >= 4711 and a < -5.", "Rows with id >= … and a < -…."},
        {"x IN (17, 18, 19) costs 20.", "x IN (…, …, …) costs 20."},
        {"BETWEEN ends at 2024-01-31 23:59:59: 3 rows.", "BETWEEN ends at … …: 3 rows."},
        {"invalid input syntax for type integer: \"secret\".", "invalid input syntax for type integer: \"…\"."},
        {"relation \"orders\" does not exist", "relation \"orders\" does not exist"},
        {"a = 'open secret", "a = '…'"},
        {"", ""}};
    for (const auto& [text, shown] : sentences) CHECK(sentence_without_values(text).find(shown) == 0);
}

TEST_CASE("nothing of an advice or a deployment shows a value") {
    AdviceRow row;
    row.plan = "(a = 'secret')", row.plan_without_values = "(a = $1)";
    AdviceOption option;
    option.run = {"CREATE INDEX i ON s.t (a) WHERE b = 'secret'"}, option.undo = {"CREATE INDEX j ON s.t (a) WHERE b = 'secret'"};
    option.rewrite = "SELECT 'secret'", option.why = "Few meet b = 'secret'.", option.why_not_deployed = "b = 'secret' is odd.";
    row.options = {option, option};
    const auto shown = without_values(row);
    CHECK(shown.plan == "(a = $1)");
    for (const auto& one : shown.options) {
        for (const auto& text : {one.run[0], one.undo[0], one.rewrite, one.why, one.why_not_deployed}) {
            CHECK(!text.empty());
            CHECK(text.find("secret") == std::string::npos);
        }
    }
    Deployment deployment;
    deployment.order.deploy = option.run, deployment.order.undo = option.undo;
    deployment.events = {{0, DeploymentState::failed, "It is now CREATE INDEX i ON s.t (a) WHERE b = 'secret'."}};
    CHECK(to_markdown({without_values(deployment)}).find("secret") == std::string::npos);
    SlowRow slow;
    slow.state = "it could not be looked at: invalid input syntax: \"secret\"";
    CHECK(without_values(slow).state.find("secret") == std::string::npos);
}
