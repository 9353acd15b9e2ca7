#include "proxy/catalogue_loader.h"

#include <charconv>
#include <map>
#include <memory>
#include <string_view>

#include "base/thread_annotations.h"
#include "proxy/catalogue_queries.h"

namespace larder::proxy {

namespace {

using rules::CatalogueRows;

struct ClearResult {
    void operator()(PGresult* result) const { PQclear(result); }
};

// One query's rows, read column by column. Throws if the server refused the query.
class Rows {
public:
    Rows(PGconn* connection, const char* what, const char* query) : result_(PQexec(connection, query)), what_(what) {
        const auto status = PQresultStatus(result_.get());
        if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return;
        const char* sqlstate = result_ ? PQresultErrorField(result_.get(), PG_DIAG_SQLSTATE) : nullptr;
        throw CatalogueLoadError("reading " + what_ + ": " + (sqlstate != nullptr ? std::string(sqlstate) + " " : "") + PQerrorMessage(connection));
    }

    int size() const { return PQntuples(result_.get()); }
    std::string_view text(int row, int column) const {
        return {PQgetvalue(result_.get(), row, column), static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
    }
    bool flag(int row, int column) const { return text(row, column) == "t"; }
    char letter(int row, int column) const {
        const auto value = text(row, column);
        if (value.size() != 1) fail(value);
        return value.front();
    }
    template <typename Number = Oid>
    Number number(int row, int column) const {
        const auto value = text(row, column);
        Number number{};
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
        if (error != std::errc{} || end != value.data() + value.size()) fail(value);
        return number;
    }

private:
    [[noreturn]] void fail(std::string_view value) const {
        throw CatalogueLoadError("reading " + what_ + ": unexpected value '" + std::string(value) + "'");
    }

    std::unique_ptr<PGresult, ClearResult> result_;
    std::string what_;
};

// Ends the transaction however the load ends, so that the connection can be used again.
class Snapshot {
public:
    explicit Snapshot(PGconn* connection) : connection_(connection) {
        // Views are opened to be written out, with what they read. That waits for DDL on them, while DDL may wait for the views
        // already opened: it gives up well before PostgreSQL looks for deadlocks, which could hit the DDL.
        Rows(connection, "snapshot",
             "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = ''; SET LOCAL statement_timeout = '30s'; "
             "SET LOCAL idle_in_transaction_session_timeout = '60s'; SET LOCAL standard_conforming_strings = on; SET LOCAL quote_all_identifiers = off; SET LOCAL jit = off; "
             "SELECT set_config('lock_timeout', greatest(1, least(200, setting::integer / 4))::text, true) FROM pg_settings WHERE name = 'deadlock_timeout'");
    }
    ~Snapshot() { PQclear(PQexec(connection_, "ROLLBACK")); }
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;

private:
    PGconn* connection_;
};

void load_relations(PGconn* connection, CatalogueRows& out) {
    const Rows rows(connection, "relations", kRelationsQuery);
    out.relations.reserve(static_cast<std::size_t>(rows.size()));
    for (int i = 0; i < rows.size(); ++i) {
        rules::RelationRow relation;
        relation.oid = rows.number(i, 0);
        relation.schema = rows.text(i, 1);
        relation.name = rows.text(i, 2);
        relation.kind = static_cast<rules::RelationKind>(rows.letter(i, 3));
        relation.is_unlogged = rows.flag(i, 4);
        relation.has_row_security = rows.flag(i, 5);
        relation.view_definition = rows.text(i, 6);
        relation.view_security_invoker = rows.flag(i, 7);
        relation.runs_code_on_insert = rows.flag(i, 8);
        relation.runs_code_on_update = rows.flag(i, 9);
        relation.runs_code_on_delete = rows.flag(i, 10);
        relation.has_timetz = rows.flag(i, 11);
        out.relations.push_back(std::move(relation));
    }
}

void load_links(PGconn* connection, CatalogueRows& out) {
    const Rows inheritance(connection, "inheritance", kInheritanceQuery);
    for (int i = 0; i < inheritance.size(); ++i) out.inheritance.push_back({inheritance.number(i, 0), inheritance.number(i, 1)});
    const Rows keys(connection, "foreign keys", kForeignKeysQuery);
    for (int i = 0; i < keys.size(); ++i) out.foreign_keys.push_back({keys.number(i, 0), keys.number(i, 1), keys.letter(i, 2), keys.letter(i, 3)});
}

void load_keys(PGconn* connection, CatalogueRows& out) {
    const Rows columns(connection, "columns", kColumnsQuery);
    out.columns.reserve(static_cast<std::size_t>(columns.size()));
    for (int i = 0; i < columns.size(); ++i) {
        out.columns.push_back({columns.number(i, 0), std::string(columns.text(i, 1)), columns.number(i, 2), columns.number<int>(i, 3), columns.flag(i, 4), columns.flag(i, 5)});
    }
    const Rows indexes(connection, "indexes", kIndexesQuery);
    Oid last = 0;
    for (int i = 0; i < indexes.size(); ++i) {
        if (const Oid index = indexes.number(i, 0); index != last) {
            out.indexes.push_back({.relation = indexes.number(i, 1), .columns = {}, .is_unique = indexes.flag(i, 3), .is_plain = indexes.flag(i, 4)});
            last = index;
        }
        out.indexes.back().columns.emplace_back(indexes.text(i, 2));
    }
    const Rows triggers(connection, "row triggers", kRowTriggersQuery);
    for (int i = 0; i < triggers.size(); ++i) out.triggers.push_back({triggers.number(i, 0), triggers.flag(i, 1), triggers.flag(i, 2), triggers.flag(i, 3), triggers.number(i, 4)});
}

using FunctionRows = std::vector<rules::FunctionRow>;

void read_functions(PGconn* connection, const char* query, FunctionRows& out) {
    const Rows rows(connection, "functions", query);
    out.reserve(out.size() + static_cast<std::size_t>(rows.size()));
    for (int i = 0; i < rows.size(); ++i) {
        rules::FunctionRow function{};
        function.oid = rows.number(i, 0);
        function.schema = rows.text(i, 1);
        function.name = rows.text(i, 2);
        function.volatility = rows.letter(i, 3);
        function.is_builtin = rows.flag(i, 4);
        function.is_native = rows.flag(i, 5);
        function.is_extension_member = rows.flag(i, 6);
        function.is_procedure = rows.flag(i, 7);
        function.extension = rows.text(i, 8);
        function.body = rows.text(i, 9);
        function.trigger_body = rows.text(i, 10);
        function.takes_row = rows.flag(i, 11);
        function.returns_trigger = rows.flag(i, 12);
        out.push_back(std::move(function));
    }
}

// The thousands of native functions that initdb makes are the same in every database of a server's version. They are read
// once for each version, which halves the time of a load. Threads: any.
class BuiltinFunctions {
public:
    void append_to(PGconn* connection, FunctionRows& out) {
        const char* version = PQparameterStatus(connection, "server_version");
        const std::string key = version != nullptr ? version : "";
        const Lock lock(mutex_);
        auto found = by_version_.find(key);
        if (key.empty() || found == by_version_.end()) {
            FunctionRows rows;
            read_functions(connection, kBuiltinFunctionsQuery, rows);
            if (by_version_.size() >= kVersionsMax) by_version_.clear();
            found = by_version_.insert_or_assign(key, std::move(rows)).first;
        }
        out.insert(out.end(), found->second.begin(), found->second.end());
    }

private:
    static constexpr std::size_t kVersionsMax = 4;  // a server has one at a time; upgrades bring the next
    Mutex mutex_;
    std::map<std::string, FunctionRows> by_version_ LARDER_GUARDED_BY(mutex_);
};

void load_functions(PGconn* connection, CatalogueRows& out) {
    static BuiltinFunctions builtin;
    builtin.append_to(connection, out.functions);
    read_functions(connection, kOtherFunctionsQuery, out.functions);
}

void load_code_uses(PGconn* connection, CatalogueRows& out) {
    const Rows uses(connection, "triggers and expressions", kCodeUsesQuery);
    for (int i = 0; i < uses.size(); ++i) {
        out.code_uses.push_back({uses.number(i, 0), uses.number(i, 1), uses.flag(i, 2), uses.flag(i, 3), uses.flag(i, 4), uses.flag(i, 5), uses.flag(i, 6), uses.flag(i, 7)});
    }
    const Rows columns(connection, "columns of types that run code", kTypeColumnsQuery);
    for (int i = 0; i < columns.size(); ++i) {
        out.code_uses.push_back({.relation = columns.number(i, 0), .function = columns.number(i, 1), .on_insert = true, .on_update = true});
    }
    const Rows policies(connection, "policies", kPolicyReadsQuery);
    for (int i = 0; i < policies.size(); ++i) out.policy_reads.push_back({policies.number(i, 0), policies.number(i, 1)});
    const Rows implicit(connection, "casts and operator classes", kImplicitFunctionsQuery);
    for (int i = 0; i < implicit.size(); ++i) out.implicit_functions.push_back(implicit.number(i, 0));
    const Rows events(connection, "event triggers", kEventFunctionsQuery);
    for (int i = 0; i < events.size(); ++i) out.event_functions.push_back(events.number(i, 0));
}

void load_named(PGconn* connection, CatalogueRows& out) {
    const Rows operators(connection, "operators", kOperatorsQuery);
    for (int i = 0; i < operators.size(); ++i) {
        out.user_operators.push_back({std::string(operators.text(i, 0)), std::string(operators.text(i, 1)), operators.number(i, 2)});
    }
    const Rows types(connection, "types", kTypesQuery);
    for (int i = 0; i < types.size(); ++i) out.user_types.push_back({std::string(types.text(i, 0)), std::string(types.text(i, 1)), types.number(i, 2)});
    const Rows extensions(connection, "extensions", kExtensionsQuery);
    for (int i = 0; i < extensions.size(); ++i) out.extensions_with_relations.emplace_back(extensions.text(i, 0));
}

std::string read_digest(PGconn* connection) {
    const Rows digest(connection, "digest", kStateDigestQuery);
    return std::string(digest.text(0, 0));
}

}  // namespace

rules::CatalogueRows load_catalogue_rows(PGconn* connection) {
    const Snapshot snapshot(connection);
    CatalogueRows rows;
    // The digest first: a definition that is newer than the snapshot then meets an old digest, which the next poll notices.
    rows.state_digest = read_digest(connection);
    const Rows database(connection, "database", kDatabaseQuery);
    rows.database = database.text(0, 0);
    rows.server_version_num = database.number<int>(0, 1);
    rows.encoding = database.text(0, 2);
    rows.has_timetz_columns = database.flag(0, 3);
    rows.has_user_equality = database.flag(0, 4);
    load_relations(connection, rows);
    load_links(connection, rows);
    load_keys(connection, rows);
    load_functions(connection, rows);
    load_code_uses(connection, rows);
    load_named(connection, rows);
    return rows;
}

session::RelationFiles load_relation_files(PGconn* connection) {
    const Snapshot snapshot(connection);
    const Rows rows(connection, "files", kRelationFilesQuery);
    session::RelationFiles files;
    files.relations.reserve(static_cast<std::size_t>(rows.size()));
    for (int i = 0; i < rows.size(); ++i) {
        files.database = rows.number(i, 0);
        files.may_ask_for_transaction = rows.flag(i, 3);
        const auto relation = rows.number(i, 2);
        const auto [place, is_new] = files.relations.emplace(rows.number(i, 1), relation);
        if (!is_new && place->second != relation) place->second = session::RelationFiles::kSeveral;
    }
    return files;
}

std::string load_catalogue_digest(PGconn* connection) {
    const Snapshot snapshot(connection);
    return read_digest(connection);
}

}  // namespace larder::proxy
