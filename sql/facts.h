// What a statement text says about itself: which relations it names, what it calls, changes and controls.
//
// Facts are about the text alone. Nothing here knows a catalogue, so a name is a name ("orders", perhaps with a
// schema) and a view is a relation like any other; rules/ resolves them. Facts err on one side: what is not
// recognised makes `understood` false, and then the statement is forwarded, never cached, and counts as a possible
// write of anything.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/freshness_level.h"

namespace larder::sql {

// A possibly qualified name, folded to lower case where it was not quoted, as PostgreSQL does.
struct Name {
    std::string schema;  // empty: found by the session's search_path
    std::string name;

    friend bool operator==(const Name&, const Name&) = default;
    friend auto operator<=>(const Name&, const Name&) = default;
};

enum class Kind : std::uint8_t {
    select,            // SELECT, VALUES, TABLE; also with writing CTEs (then `writes` is not empty)
    insert, update, delete_, merge,
    copy_from, copy_to,
    truncate,
    ddl,               // CREATE, ALTER, DROP, GRANT, REVOKE, COMMENT, SECURITY LABEL, SELECT INTO, CREATE TABLE AS, REFRESH …
    create_temp,       // CREATE TEMP … that touches no permanent object (no INHERITS, PARTITION OF)
    server_ddl,        // roles, databases, tablespaces, ALTER SYSTEM, ALTER ROLE/DATABASE … SET: belongs to the whole server
    maintenance,       // VACUUM, ANALYZE, REINDEX, CLUSTER, CREATE INDEX, CHECKPOINT: changes no answer
    begin, commit, rollback, savepoint, release, rollback_to,
    prepare_transaction, commit_prepared, rollback_prepared,
    set, reset, show, discard,
    prepare, execute, deallocate,
    declare_cursor, fetch, close_cursor,
    listen, unlisten, notify,
    lock_table,
    set_transaction,   // SET TRANSACTION, SET SESSION CHARACTERISTICS (see `isolation`, `is_session_default`)
    set_constraints,
    do_block, call,
    explain,           // EXPLAIN; with ANALYZE the facts are those of the inner statement as well
    load,
    empty,             // nothing but white space and comments
    unknown,           // parsed, but of a kind that Larder does not know
};

enum class Isolation : std::uint8_t { unspecified, read_uncommitted, read_committed, repeatable_read, serializable };

// A constant as it stands in the text, or a parameter of the extended protocol.
struct Value {
    enum class Kind : std::uint8_t { integer, string, boolean, null, parameter };
    Kind kind;
    std::int64_t integer = 0;  // integer: its value; parameter: its number, from 1; boolean: 0 or 1
    std::string text;          // string: its value, after escapes
    // The type to which it is cast, if that is one of int2, int4, int8, bool, uuid, text, varchar without a length; empty: it is
    // not cast. `is_catalog_type`: surely that of pg_catalog; else of the first schema in the path that has a type of this name.
    std::string cast = {};
    bool is_catalog_type = true;
    bool is_array = false;  // a parameter that is an array: its elements are meant, and `cast` is their type
};

// `column = value`, `column IN (values)`, `column = ANY (ARRAY[values])` or `column = ANY ($1)`, ANDed at the top of the WHERE clause (or of a
// join's ON, of an outer one for its nullable side alone).
struct KeyTest {
    std::string column;
    std::vector<Value> values;  // one, or each element of the list
};

// The same of two columns: `column = other.other_column`, or USING. Wherever a row of this reference counts for the answer, a row of
// the other one with that value stands beside it.
struct ColumnLink {
    std::string column;
    std::size_t other;  // index in Facts::reads
    std::string other_column;
};

// One appearance of a relation's name in the text.
struct RelationUse {
    Name name;
    std::string alias;           // empty if none
    bool only = false;           // ONLY name: without its inheritance children
    bool key_tests_known = false;  // the WHERE clause belongs to this reference alone, so key_tests restrict it fully
    std::vector<KeyTest> key_tests;
    std::vector<ColumnLink> links;  // of what is read only
    // Each row of the answer holds a row of this reference, and none twice: it stands in the FROM list of a plain SELECT (no
    // grouping, set operation or call of a function, unless a row_field is one), outside the nullable side of an outer join.
    // `is_only_item`: nothing else stands there.
    bool is_proved_by_rows = false, is_only_item = false;
};

enum class WriteAction : std::uint8_t {
    insert, update, delete_, merge, truncate, truncate_cascade, copy_from,
    lock,     // LOCK … IN ACCESS EXCLUSIVE MODE; weaker modes let readers pass and are no write
    refresh,  // REFRESH MATERIALIZED VIEW
};

// What a DISCARD throws away.
enum class Discard : std::uint8_t { nothing, all, plans, sequences, temp };

struct WriteUse {
    RelationUse target;
    WriteAction action;
    bool on_conflict_update = false;
    bool where_current_of = false;
    bool overriding = false;                                     // INSERT … OVERRIDING SYSTEM or USER VALUE
    std::vector<std::string> conflict_columns;                   // ON CONFLICT (…): its plain columns; empty if inferred otherwise
    std::vector<std::string> conflict_sets;                      // ON CONFLICT DO UPDATE SET: the columns it changes
    // INSERT … VALUES: the named columns and, per row, their values when each is a constant or a parameter.
    std::vector<std::string> columns;                            // insert: the target list; update: the columns set
    std::vector<std::vector<std::optional<Value>>> rows;         // insert: [row][column]; update: one row of new values; nullopt: an expression
};

struct SettingChange {
    std::string name;       // lower case; "role", "session_authorization", "timezone" for SET ROLE, SET TIME ZONE …
    bool is_local = false;  // SET LOCAL, or set_config(…, true)
    bool is_reset = false;  // RESET name, SET name TO DEFAULT
    std::vector<std::string> values;  // the arguments as text; empty if not constant
};

inline constexpr int kParametersCounted = 1000;

// Facts of one statement.
//
// Three kinds carry another statement, its facts are in `inner`. PREPARE: nothing of it is in the outer facts, since
// nothing runs before EXECUTE. DECLARE CURSOR: the outer facts have it all. EXPLAIN: the outer facts have what it reads
// and calls (planning may call functions), and with ANALYZE what it writes and sets.
//
// DDL: only the kind is known, and for CREATE TABLE AS and the like what its query reads and calls.
struct Facts {
    Kind kind = Kind::unknown;
    bool understood = false;              // false: the walker met a node it does not know, or went too deep
    std::vector<RelationUse> reads;       // relations read, CTE names taken out by their scope; write targets are not repeated here
    std::vector<WriteUse> writes;         // relations written, also in CTEs and inside EXPLAIN ANALYZE
    std::vector<Name> functions;          // functions, aggregates and window functions called, plus procedures of CALL; without repeats
    std::vector<Name> operators;          // operators used, without repeats
    // Names taken from a row (t.name), or from a value of any type ((x).name, f.name with f a function in FROM). Where there is
    // no such column, name(t) is called if there is such a function. Without repeats
    std::vector<std::string> row_fields, value_fields;
    std::vector<Name> types;              // type names in casts, function column lists and the like, without repeats
    // "current_date", "current_timestamp", "current_user", "session_user", "current_schema" …, without repeats. "now_literal": a
    // string constant that holds the word now, today, tomorrow or yesterday, which any date or time input turns into the
    // clock's, or a cast to timetz, whose offset depends on today
    std::vector<std::string> value_functions;
    // SET, RESET, set_config() with a constant name; SHOW: what is asked for ("all": ALL). The values of set_config() are left
    // empty where it is not sure to run exactly once: anywhere but in the target list of a SELECT that has nothing else
    std::vector<SettingChange> settings;
    bool reset_all = false;               // RESET ALL, DISCARD ALL
    bool sets_unknown_setting = false;    // set_config() whose name is not a constant, or is_local not
    bool locks_rows = false;              // FOR UPDATE / SHARE at any level
    bool samples = false;                 // TABLESAMPLE
    // ctid, xmin, xmax, cmin, cmax or tableoid is named: where a row lies and who wrote it last, which also change without a write
    // (VACUUM FULL, CLUSTER, a row lock). A column of a view or subquery may have such a name as well
    bool system_columns = false;
    bool selects_into = false;            // SELECT INTO, CREATE TABLE AS
    bool creates_temp = false;            // makes an object in pg_temp
    bool explain_analyze = false;
    bool is_chain = false;                // COMMIT AND CHAIN, ROLLBACK AND CHAIN
    bool is_session_default = false;      // SET SESSION CHARACTERISTICS
    bool with_hold = false;               // DECLARE … WITH HOLD
    Isolation isolation = Isolation::unspecified;  // BEGIN, SET TRANSACTION, SET SESSION CHARACTERISTICS
    bool deferrable = false;
    bool is_start = false;                // START TRANSACTION, which has a tag of its own
    bool has_tx_modes = false;            // BEGIN or SET TRANSACTION names any mode at all
    std::optional<bool> read_only;        // BEGIN, SET TRANSACTION …: READ ONLY or READ WRITE
    bool imports_snapshot = false;        // SET TRANSACTION SNAPSHOT
    Discard discard = Discard::nothing;
    bool copies_on_server = false;        // COPY to or from a file or program of the server: no CopyIn, no CopyOut
    // savepoint, release, rollback_to: its name; prepare, execute, deallocate: the statement's (empty: ALL); cursors: the
    // portal's (close_cursor, empty: ALL); two-phase commit: the gid
    std::string savepoint;
    std::string channel;                  // listen, unlisten (empty: *), notify
    std::string body;                     // do_block: its source text
    std::string language;                 // do_block: its language, lower case as written or "plpgsql"
    int parameters_max = 0;               // the highest $n
    // How often $1, $2 … stand in the text: 0, 1, or 2 for more. A parameter whose type nobody declared and that stands in one
    // place alone has the type of the column that it is compared with or assigned to. Only the first kParametersCounted.
    std::vector<std::uint8_t> parameter_uses;
    std::shared_ptr<const Facts> inner;   // prepare, explain, declare_cursor: the statement inside

    bool stands_once(std::int64_t parameter) const {
        return parameter >= 1 && parameter <= static_cast<std::int64_t>(parameter_uses.size()) && parameter_uses[static_cast<std::size_t>(parameter - 1)] == 1;
    }
};

// `/* larder: ttl=60s, tag=home */` in any comment of the text, also `-- larder: off`.
struct Hints {
    bool off = false;
    bool is_present = false;
    std::optional<std::chrono::milliseconds> ttl;
    std::optional<std::chrono::milliseconds> max_stale;
    std::optional<FreshnessLevel> freshness;
    std::vector<std::string> tags;
    std::string error;  // not empty: the hint could not be read, and why
};

// Facts of a whole text, as sent in Query or Parse.
struct TextFacts {
    bool parsed = false;             // false: libpg_query refused it, or it is too long to be parsed; nothing else is known
    std::string why_not;             // parsed == false: the reason, for people
    std::vector<Facts> statements;   // empty if the text holds no statement (then PostgreSQL answers EmptyQueryResponse)
    Hints hints;

    bool is_single() const { return parsed && statements.size() == 1; }
};

}  // namespace larder::sql
