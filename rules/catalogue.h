// An immutable snapshot of what one database's system catalogue says, as far as freshness needs it.
//
// Filled by proxy/catalogue_loader, which notes the counters first: the snapshot is valid for that version alone
// (proxy/session/upstream_state.h). Closures (views, partitions, inheritance, foreign keys) are computed when it is built.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "rules/key_values.h"
#include "rules/reason.h"
#include "sql/facts.h"

namespace larder::rules {

enum class RelationKind : char {
    table = 'r', partitioned_table = 'p', view = 'v', materialized_view = 'm', foreign_table = 'f',
    sequence = 'S', index = 'i', partitioned_index = 'I', composite_type = 'c', toast = 't',
};

// Rows as the loader reads them from the catalogue; build() turns them into a snapshot.
struct RelationRow {
    Oid oid;
    std::string schema, name;
    RelationKind kind;
    bool is_unlogged = false, is_temp = false, has_row_security = false;
    // User code (triggers, rules, functions of defaults, checks, generated columns, index expressions, domains, policies)
    // that runs when rows are written; it may do anything.
    bool runs_code_on_insert = false, runs_code_on_update = false, runs_code_on_delete = false, runs_code_on_truncate = false;
    // View, materialised view: pg_get_viewdef with an empty search_path, so that every name outside pg_catalog is qualified.
    std::string view_definition;
    bool view_security_invoker = false;
    bool has_timetz = false;  // a column of type timetz: what is compared with it takes today's offset from UTC
};
// A function that runs when a relation is read or written, without standing in the statement: of a trigger, default,
// generated column, check, index, partition key, policy or column type. build() judges it. Function zero: code that is not
// understood, e.g. of a policy that reads a view. Relation zero: the planner may run it in any expression (a range's difference).
struct CodeUse {
    Oid relation = 0, function = 0;
    bool on_read = false, on_insert = false, on_update = false, on_delete = false, on_truncate = false;
    bool on_maintenance = false;  // REINDEX, CLUSTER, ANALYZE: of indexes and statistics
};
// A column of an ordinary table, in the table's order.
struct ColumnRow {
    Oid relation;
    std::string name;
    Oid type;
    int type_modifier = -1;
    bool is_deterministic = true;  // its collation: equal texts are equal bytes
    bool is_generated = false;     // GENERATED … STORED: it changes without being named
};
// A valid index of an ordinary table. Unique: its columns (neither partial nor over expressions); else its first column alone.
struct IndexRow {
    Oid relation;
    std::vector<std::string> columns;
    bool is_unique = false;
    bool is_plain = true;          // builtin operator classes, each column's own collation: equal there is equal by `=`
};
struct TriggerRow {                // row triggers of its own making, not those of foreign keys
    Oid relation;
    bool on_insert, on_update, on_delete;
    Oid function = 0;
};
struct InheritanceRow { Oid child, parent; };  // pg_inherits: partitions and inheritance
struct ForeignKeyRow {
    Oid referencing, referenced;
    char on_delete, on_update;  // pg_constraint.confdeltype, confupdtype: 'a' 'r' 'c' 'n' 'd'
};
struct PolicyReadRow { Oid relation, read; };  // a policy of `relation` asks another relation
struct FunctionRow {
    Oid oid;
    std::string schema, name;
    char volatility;       // 'i' 's' 'v'
    bool is_builtin;       // made by initdb (OID below 16384, in pg_catalog)
    bool is_native;        // language internal or C
    bool is_extension_member;
    bool is_procedure;
    std::string extension = {};  // whose member it is
    // Of a function in SQL whose arguments and result are of scalar types that run no code, without defaults: its source.
    std::string body = {};
    // Of a function in PL/pgSQL that returns trigger and sets nothing but its search_path: its source.
    std::string trigger_body = {};
    bool takes_row = false;      // can be called with one argument that is a row: t.f is f(t) where t has no column f
    bool returns_trigger = false;  // it runs when rows are written, and at no other time
};
// Operators and types that are not builtin. `function` is the code that they run; zero: code that is not understood.
// build() keeps those whose function is not harmless.
struct OperatorRow {
    std::string schema, name;
    Oid function = 0;
};
struct TypeRow {
    std::string schema, name;  // one row per function of a domain check, of input and output, of a range; also for what contains such a type
    Oid function = 0;
};

struct CatalogueRows {
    std::string database;
    int server_version_num = 0;
    std::string encoding = "UTF8";             // the server's, in which all names here are written
    std::vector<RelationRow> relations;        // all schemas but pg_toast; system ones too (name and kind only)
    std::vector<InheritanceRow> inheritance;
    std::vector<ForeignKeyRow> foreign_keys;
    std::vector<ColumnRow> columns;            // by relation
    std::vector<IndexRow> indexes;             // by relation, the oldest index first
    std::vector<TriggerRow> triggers;
    bool has_user_equality = false;            // an operator = or an implicit cast that may stand in for the builtin = of a key's type
    std::vector<FunctionRow> functions;        // all; of an aggregate the worst of its parts
    std::vector<CodeUse> code_uses;
    std::vector<PolicyReadRow> policy_reads;
    std::vector<OperatorRow> user_operators;
    std::vector<TypeRow> user_types;
    // Functions that run without any name in a statement: of casts, and support functions of operator classes.
    std::vector<Oid> implicit_functions;
    std::vector<Oid> event_functions;          // of event triggers: they run with DDL, also that of temporary objects
    bool has_user_casts = false;               // some implicit code is not harmless; build() sets it from implicit_functions
    bool has_timetz_columns = false;           // AT TIME ZONE on timetz depends on the present date
    std::vector<std::string> extensions_with_relations;  // their functions may read tables, whatever their label
    std::string state_digest;                  // privileges, roles and all else that can change an answer: hashed by the server
};

struct Column {
    std::string name;
    KeyType type = KeyType::none;  // none: not a column of keys
    int bytes_max = -1;            // varchar(n)
};

// A set of columns that reads compare with constants, and for which there are counters per value.
struct Key {
    std::vector<std::size_t> columns;  // indexes into Relation::columns, sorted
    bool is_unique = false;
    bool is_arbiter = false;           // ON CONFLICT (these columns) can only mean an index that compares as `=` does
};
inline constexpr std::size_t kKeysMax = 8;        // of a relation: each write moves a counter of each
inline constexpr std::size_t kKeyColumnsMax = 4;

// One relation after the closure.
struct Relation {
    Oid oid = 0;
    Oid root = 0;          // one representative for all relations of its partition or inheritance tree (itself if none)
    std::string schema, name;
    RelationKind kind = RelationKind::table;
    bool is_system = false;          // pg_catalog, information_schema
    // Reading it: the roots of all base tables below (views through views), or why it cannot be cached.
    std::vector<Oid> reads;
    Reason read_reason = Reason::none;
    // Writing it: roots whose rows change, per action: itself, and what foreign-key actions reach at any level.
    std::vector<Oid> on_insert, on_update, on_delete, on_truncate_cascade;
    // Reading it (of a materialised view: refreshing it) runs code that may write or do anything.
    bool reading_is_opaque = false;
    bool insert_is_opaque = false, update_is_opaque = false, delete_is_opaque = false, truncate_is_opaque = false;  // user code runs somewhere in that closure
    // Bodies of triggers that are understood run there. The names in them are looked up by whoever writes, who may have temporary objects of those names.
    bool insert_runs_bodies = false, update_runs_bodies = false, delete_runs_bodies = false, truncate_runs_bodies = false;
    bool maintenance_is_opaque = false;  // building its indexes or statistics runs user code, somewhere in its tree
    // Planning a statement on it may run code of the database's own: defaults, checks, predicates and expressions of indexes, policies and
    // rules are all folded while planning, in the whole tree; those of a view's body and of all below it as well. Triggers are not.
    bool planning_is_opaque = false;
    // Of an ordinary table that stands alone (no partition, no inheritance); keys are empty for all others.
    std::vector<Column> columns;
    std::vector<Key> keys;
    bool has_insert_triggers = false, has_update_triggers = false, has_delete_triggers = false;  // for each row, which may change values of keys
    // Foreign-key actions and triggers that follow come back to this relation, to rows that nobody named.
    bool insert_returns = false, update_returns = false, delete_returns = false;

    // Its index in `columns`; nothing if there is none.
    std::optional<std::size_t> column_named(std::string_view name) const;
};

// Threads: any; immutable after build().
class Catalogue {
public:
    static std::shared_ptr<const Catalogue> build(CatalogueRows rows);
    ~Catalogue();

    // As PostgreSQL resolves a name: with its schema, or the first schema of `search_path` that has it. Null: no such
    // relation (it may be a temporary one, or an error).
    const Relation* find_relation(const sql::Name& name, const std::vector<std::string>& search_path) const;
    const Relation* find_relation(Oid oid) const;
    // Every relation that the name may mean in any of `schemas`, whichever comes first on the path at that moment: a schema
    // can drop out of the effective path by a REVOKE alone. In the order of `schemas`.
    std::vector<const Relation*> find_candidates(const sql::Name& name, const std::vector<std::string>& schemas) const;

    // The same over all schemas, whatever the path.
    std::vector<const Relation*> find_named(const sql::Name& name) const;

    // The worst verdict over every function of that name that the path can reach (overloads too). Reason::none: each is
    // IMMUTABLE native code, or a builtin STABLE one that depends on its arguments and keyed settings alone.
    struct FunctionVerdict {
        Reason reason = Reason::none;
        bool may_write = false;       // VOLATILE user code or a builtin that changes data: moves anything
        bool may_change_session = false;  // may change settings, temp objects or advisory locks
        // Neither PostgreSQL's nor native code of an extension, whatever was understood of it: who made it may have made it call anything.
        bool is_own_code = false;
    };
    FunctionVerdict function_verdict(const sql::Name& name, const std::vector<std::string>& search_path) const;

    FunctionVerdict function_verdict(Oid function) const;

    // The same for t.f, where t is a row (is_row) or any value: over the functions that may be called by it if there are any.
    FunctionVerdict field_verdict(const std::string& name, bool is_row) const;

    FunctionVerdict operator_code(const sql::Name& name) const;
    FunctionVerdict type_code(const sql::Name& name) const;
    // The schemas that have operators of this name which are not PostgreSQL's own, and not harmless ones of an extension.
    std::vector<std::string> operator_schemas(const std::string& name) const;
    Reason operator_verdict(const sql::Name& name) const;
    Reason type_verdict(const sql::Name& name) const;
    // Code that is not understood may run in any expression: nothing of this database is cached, so that its writes need no mark.
    bool has_user_casts() const;
    bool has_own_implicit_code() const; // casts or operator classes of this database's own may run in any expression, while it is planned
    bool has_event_code() const;        // event triggers run code that is not understood
    bool has_maintenance_code() const;  // maintenance_is_opaque of some relation

    // Some table of this root's tree is unlogged: its writes are not in the write-ahead log.
    bool is_unlogged(Oid root) const;
    // A name in a text of this client encoding is the same bytes here.
    bool has_names_in(std::string_view client_encoding) const;
    std::string_view encoding() const;
    bool has_function_named(const std::string& name) const;

    // A hash of all rows, to tell whether a load found a change.
    std::uint64_t digest() const;
    std::size_t relation_count() const;
    std::size_t bytes() const;
    // For the console and metrics; empty if the OID is not known.
    std::string qualified_name(Oid oid) const;

private:
    Catalogue();
    friend class CatalogueBuilder;
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace larder::rules
