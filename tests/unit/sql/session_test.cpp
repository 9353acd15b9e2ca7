// Statements that control the session: transactions, settings, prepared statements, cursors, channels.
#include "support.h"

using namespace larder::sql;
using namespace larder::sql::test;

TEST_CASE("transaction modes of BEGIN and SET TRANSACTION") {
    Facts facts = facts_of("BEGIN");
    CHECK_FALSE(facts.has_tx_modes);
    CHECK(facts.isolation == Isolation::unspecified);
    CHECK_FALSE(facts.read_only.has_value());

    facts = facts_of("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY, DEFERRABLE");
    CHECK(facts.has_tx_modes);
    CHECK(facts.isolation == Isolation::repeatable_read);
    CHECK(facts.read_only == true);
    CHECK(facts.deferrable);

    facts = facts_of("START TRANSACTION READ WRITE NOT DEFERRABLE");
    CHECK(facts.kind == Kind::begin);
    CHECK(facts.has_tx_modes);
    CHECK(facts.read_only == false);
    CHECK_FALSE(facts.deferrable);

    CHECK(facts_of("BEGIN ISOLATION LEVEL READ UNCOMMITTED").isolation == Isolation::read_uncommitted);
    CHECK(facts_of("BEGIN ISOLATION LEVEL READ COMMITTED").isolation == Isolation::read_committed);
    CHECK(facts_of("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE").isolation == Isolation::serializable);
    CHECK_FALSE(facts_of("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE").is_session_default);
    CHECK(facts_of("SET LOCAL TRANSACTION READ ONLY").kind == Kind::set_transaction);

    facts = facts_of("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE READ ONLY");
    CHECK(facts.is_session_default);
    CHECK(facts.isolation == Isolation::serializable);
    CHECK(facts.read_only == true);

    facts = facts_of("SET TRANSACTION SNAPSHOT '0003-1'");
    CHECK(facts.imports_snapshot);
    CHECK_FALSE(facts_of("SET TRANSACTION READ ONLY").imports_snapshot);
}

TEST_CASE("chains, savepoints and two-phase names") {
    CHECK(facts_of("COMMIT AND CHAIN").is_chain);
    CHECK(facts_of("ROLLBACK AND CHAIN").is_chain);
    CHECK_FALSE(facts_of("COMMIT AND NO CHAIN").is_chain);
    CHECK(facts_of("SAVEPOINT \"A b\"").savepoint == "A b");
    CHECK(facts_of("RELEASE a").savepoint == "a");
    CHECK(facts_of("ROLLBACK TO SAVEPOINT A").savepoint == "a");
    CHECK(facts_of("PREPARE TRANSACTION 'G 1'").savepoint == "G 1");
    CHECK(facts_of("COMMIT PREPARED 'g'").savepoint == "g");
    CHECK(facts_of("ROLLBACK PREPARED 'g'").savepoint == "g");
}

TEST_CASE("settings have PostgreSQL's own names and values as text") {
    struct Row {
        const char* text;
        const char* name;
        const char* values;
        bool is_local;
        bool is_reset;
    };
    const Row rows[] = {
        {"SET work_mem = '1MB'", "work_mem", "1MB", false, false},
        {"SET Work_Mem TO 64", "work_mem", "64", false, false},
        {"SET seq_page_cost = 1.5", "seq_page_cost", "1.5", false, false},
        {"SET x.y = -3", "x.y", "-3", false, false},
        {"SET larder.cache = off", "larder.cache", "off", false, false},
        {"SET larder.trace = true", "larder.trace", "true", false, false},
        {"SET search_path = a, \"B\", pg_temp", "search_path", "a B pg_temp", false, false},
        {"SET LOCAL search_path TO a", "search_path", "a", true, false},
        {"SET SESSION search_path TO a", "search_path", "a", false, false},
        {"SET SCHEMA 'a'", "search_path", "a", false, false},
        {"SET search_path TO DEFAULT", "search_path", "", false, true},
        {"RESET search_path", "search_path", "", false, true},
        {"SET TIME ZONE 'UTC'", "timezone", "UTC", false, false},
        {"SET TIME ZONE -7", "timezone", "-7", false, false},
        {"SET TIME ZONE LOCAL", "timezone", "", false, true},
        {"SET TIME ZONE INTERVAL '1' HOUR TO MINUTE", "timezone", "", false, false},
        {"SET LOCAL TIME ZONE 'UTC'", "timezone", "UTC", true, false},
        {"RESET TIME ZONE", "timezone", "", false, true},
        {"SET NAMES 'utf8'", "client_encoding", "utf8", false, false},
        {"SET ROLE r", "role", "r", false, false},
        {"SET LOCAL ROLE 'r'", "role", "r", true, false},
        {"SET ROLE NONE", "role", "none", false, false},
        {"RESET ROLE", "role", "", false, true},
        {"SET SESSION AUTHORIZATION r", "session_authorization", "r", false, false},
        {"SET SESSION AUTHORIZATION DEFAULT", "session_authorization", "", false, true},
        {"RESET SESSION AUTHORIZATION", "session_authorization", "", false, true},
        {"SET XML OPTION CONTENT", "xmloption", "CONTENT", false, false},
        {"SET transaction_isolation = 'serializable'", "transaction_isolation", "serializable", false, false},
        {"SET default_transaction_isolation TO 'repeatable read'", "default_transaction_isolation", "repeatable read", false, false},
        {"RESET TRANSACTION ISOLATION LEVEL", "transaction_isolation", "", false, true},
    };
    for (const Row& row : rows) {
        INFO(row.text);
        const Facts facts = facts_of(row.text);
        REQUIRE(facts.settings.size() == 1);
        CHECK(facts.settings[0].name == row.name);
        CHECK(strings(facts.settings[0].values) == row.values);
        CHECK(facts.settings[0].is_local == row.is_local);
        CHECK(facts.settings[0].is_reset == row.is_reset);
        CHECK_FALSE(facts.reset_all);
    }
    CHECK(facts_of("RESET ALL").reset_all);
    CHECK(facts_of("SHOW TimeZone").settings.at(0).name == "timezone");
    CHECK(facts_of("SHOW TIME ZONE").settings.at(0).name == "timezone");
    CHECK(facts_of("SHOW TRANSACTION ISOLATION LEVEL").settings.at(0).name == "transaction_isolation");
    CHECK(facts_of("SHOW larder.cache").settings.at(0).name == "larder.cache");
    CHECK(facts_of("SHOW ALL").settings.at(0).name == "all");
}

TEST_CASE("DISCARD says what") {
    CHECK(facts_of("DISCARD ALL").discard == Discard::all);
    CHECK(facts_of("DISCARD ALL").reset_all);
    CHECK(facts_of("DISCARD PLANS").discard == Discard::plans);
    CHECK(facts_of("DISCARD SEQUENCES").discard == Discard::sequences);
    CHECK(facts_of("DISCARD TEMP").discard == Discard::temp);
    CHECK(facts_of("DISCARD TEMPORARY").discard == Discard::temp);
    CHECK_FALSE(facts_of("DISCARD TEMP").reset_all);
}

TEST_CASE("PREPARE keeps its statement to itself") {
    const Facts facts = facts_of("PREPARE p (int, s.e) AS INSERT INTO t SELECT $1, f() FROM u");
    CHECK(facts.savepoint == "p");
    CHECK(facts.reads.empty());
    CHECK(facts.writes.empty());
    CHECK(facts.functions.empty());
    REQUIRE(facts.inner);
    CHECK(facts.inner->kind == Kind::insert);
    CHECK(facts.inner->understood);
    CHECK(writes(*facts.inner) == "insert:t");
    CHECK(reads(*facts.inner) == "u");
    CHECK(show(facts.inner->functions) == "f");
    CHECK(show(facts.inner->types) == "pg_catalog.int4 s.e");
    CHECK(facts.inner->parameters_max == 1);
}

TEST_CASE("EXECUTE and DEALLOCATE name the statement") {
    const Facts facts = facts_of("EXECUTE p(1, f(), 'now')");
    CHECK(facts.savepoint == "p");
    CHECK(show(facts.functions) == "f");
    CHECK(strings(facts.value_functions) == "now_literal");
    CHECK(facts_of("DEALLOCATE PREPARE p").savepoint == "p");
    CHECK(facts_of("DEALLOCATE ALL").savepoint.empty());
}

TEST_CASE("cursors have a name and all facts of their query") {
    const Facts facts = facts_of("DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT f(a) FROM t WHERE id = $1 FOR UPDATE");
    CHECK(facts.savepoint == "c");
    CHECK(facts.with_hold);
    CHECK(reads(facts) == "t");
    CHECK(show(facts.functions) == "f");
    CHECK(facts.locks_rows);
    CHECK(facts.parameters_max == 1);
    REQUIRE(facts.inner);
    CHECK(facts.inner->kind == Kind::select);
    CHECK_FALSE(facts_of("DECLARE c CURSOR FOR SELECT 1").with_hold);
    CHECK(facts_of("FETCH 5 FROM c").savepoint == "c");
    CHECK(facts_of("MOVE BACKWARD ALL IN c").savepoint == "c");
    CHECK(facts_of("CLOSE c").savepoint == "c");
    CHECK(facts_of("CLOSE ALL").savepoint.empty());
}

TEST_CASE("EXPLAIN has what it reads, with ANALYZE also what it does") {
    Facts facts = facts_of("EXPLAIN (VERBOSE, FORMAT json) UPDATE t SET a = f() FROM u");
    CHECK_FALSE(facts.explain_analyze);
    CHECK(writes(facts).empty());
    CHECK(reads(facts) == "u");
    CHECK(show(facts.functions) == "f");
    REQUIRE(facts.inner);
    CHECK(writes(*facts.inner) == "update:t");

    for (const char* text : {"EXPLAIN ANALYZE UPDATE t SET a = 1", "EXPLAIN ANALYZE VERBOSE UPDATE t SET a = 1", "EXPLAIN (ANALYZE) UPDATE t SET a = 1",
                             "EXPLAIN (Analyze ON) UPDATE t SET a = 1", "EXPLAIN (ANALYZE 1) UPDATE t SET a = 1",
                             "EXPLAIN (ANALYZE off, ANALYZE) UPDATE t SET a = 1"}) {
        INFO(text);
        facts = facts_of(text);
        CHECK(facts.explain_analyze);
        CHECK(writes(facts) == "update:t");
    }
    CHECK_FALSE(analyse("EXPLAIN EXECUTE p").statements.at(0).understood);  // planning runs functions that are not to be seen here
    for (const char* text : {"EXPLAIN ANALYZE EXECUTE p", "EXPLAIN ANALYZE CREATE TABLE x AS SELECT 1", "EXPLAIN ANALYZE REFRESH MATERIALIZED VIEW v",
                             "EXPLAIN ANALYZE SELECT 1 AS a INTO x"}) {
        INFO(text);
        const TextFacts whole = analyse(text);
        REQUIRE(whole.is_single());
        CHECK(whole.statements[0].explain_analyze);
        CHECK_FALSE(whole.statements[0].understood);
    }
    CHECK(facts_of("EXPLAIN CREATE TABLE x AS SELECT * FROM t").inner->selects_into);
}

TEST_CASE("channels") {
    CHECK(facts_of("LISTEN \"Ab\"").channel == "Ab");
    CHECK(facts_of("UNLISTEN a").channel == "a");
    CHECK(facts_of("UNLISTEN *").channel.empty());
    CHECK(facts_of("NOTIFY a, 'now'").channel == "a");
}

TEST_CASE("DO carries its body and language") {
    Facts facts = facts_of("DO $x$ BEGIN DELETE FROM t; END $x$");
    CHECK(facts.body == " BEGIN DELETE FROM t; END ");
    CHECK(facts.language == "plpgsql");
    facts = facts_of("DO LANGUAGE plpython3u 'pass'");
    CHECK(facts.body == "pass");
    CHECK(facts.language == "plpython3u");
}
