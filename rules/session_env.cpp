// The environment query and its answer.
//
// The query runs on the client's own server connection, in the middle of its work, under whatever search_path it has set.
// So every function, operator, type and relation in it is qualified: a user's operator in an earlier schema must neither
// change what Larder believes nor run.
#include "rules/session_env.h"

#include <algorithm>
#include <cctype>
#include <optional>

namespace larder::rules {

namespace {

constexpr std::size_t kFixedColumns = 4;
constexpr std::size_t kSchemasMax = 1000;  // of one path; PostgreSQL has no limit, and nobody has as many

// Encodings in which no byte of a multi-byte character is an ASCII one, so that quotes and backslashes are what they seem.
bool is_ascii_safe(std::string_view encoding) {
    for (const std::string_view unsafe : {"SJIS", "BIG5", "GBK", "UHC", "GB18030", "JOHAB", "SHIFT_JIS_2004"}) {
        if (encoding == unsafe) return false;
    }
    return !encoding.empty();
}

// One element of an array's text form, or of a search_path setting: both quote with double quotes, and differ in how
// they escape within (backslash; a doubled quote) and in folding of what is not quoted (none; lower case).
struct ListSyntax {
    bool backslash_escapes;
    bool folds;
};

// Splits at commas outside quotes. Returns nothing if a quote is left open.
std::optional<std::vector<std::string>> split_list(std::string_view text, ListSyntax syntax) {
    std::vector<std::string> items;
    std::string item;
    bool quoted = false, was_quoted = false;
    const auto finish = [&] {
        if (!was_quoted) {
            while (!item.empty() && std::isspace(static_cast<unsigned char>(item.back()))) item.pop_back();
            if (syntax.folds) std::transform(item.begin(), item.end(), item.begin(), [](unsigned char c) { return static_cast<char>(c < 0x80 ? std::tolower(c) : c); });
        }
        if (!item.empty()) items.push_back(item);
        item.clear();
        was_quoted = false;
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quoted) {
            if (c == '"' && !syntax.backslash_escapes && i + 1 < text.size() && text[i + 1] == '"') {
                item += '"';
                ++i;
            } else if (c == '"') {
                quoted = false;
            } else if (c == '\\' && syntax.backslash_escapes && i + 1 < text.size()) {
                item += text[++i];
            } else {
                item += c;
            }
        } else if (c == '"') {
            quoted = was_quoted = true;
        } else if (c == ',') {
            finish();
        } else if (!was_quoted && !(item.empty() && std::isspace(static_cast<unsigned char>(c)))) {
            item += c;
        }
        if (items.size() > kSchemasMax) return std::nullopt;
    }
    if (quoted) return std::nullopt;
    finish();
    return items;
}

std::optional<std::vector<std::string>> parse_array(std::string_view text) {
    if (text.size() < 2 || text.front() != '{' || text.back() != '}') return std::nullopt;
    return split_list(text.substr(1, text.size() - 2), {.backslash_escapes = true, .folds = false});
}

// Schemas an unqualified name may be found in; see SessionEnv::schemas.
std::vector<std::string> reachable_schemas(const SessionEnv& env, const std::vector<std::string>& setting) {
    auto schemas = env.search_path;
    const auto add = [&schemas](const std::string& schema) {
        if (std::find(schemas.begin(), schemas.end(), schema) == schemas.end()) schemas.push_back(schema);
    };
    for (const auto& element : setting) add(element == "$user" ? env.current_user : element);
    add("pg_catalog");
    return schemas;
}

}  // namespace

bool SessionEnv::is_lexing_safe() const {
    if (verdicts) return verdicts->is_lexing_safe;
    return setting("standard_conforming_strings") == "on" && setting("backslash_quote") == "safe_encoding" &&
           setting("transform_null_equals") == "off" && is_ascii_safe(setting("client_encoding"));
}

bool SessionEnv::is_default_isolation_servable() const {
    if (verdicts) return verdicts->is_default_isolation_servable;
    const auto level = setting("default_transaction_isolation");
    return level == "read committed" || level == "read uncommitted";
}

bool SessionEnv::is_default_isolation_serializable() const {
    if (verdicts) return verdicts->is_default_isolation_serializable;
    return setting("default_transaction_isolation") == "serializable";
}

std::string environment_query() {
    // Every object in the session's temporary schema depends on that schema, which is an index lookup. What could run
    // code there is looked for only if there is an object at all.
    std::string query =
        "SELECT current_user::pg_catalog.text, session_user::pg_catalog.text, pg_catalog.current_schemas(true)::pg_catalog.text, "
        "CASE WHEN pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN 'none' "
        "WHEN NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.refclassid OPERATOR(pg_catalog.=) 2615::pg_catalog.oid "
        "AND d.refobjid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()) THEN 'none' "
        "WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_class c WHERE c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema() "
        "AND (c.relkind OPERATOR(pg_catalog.=) 'v'::pg_catalog.\"char\" OR c.relhasrules OR c.relhastriggers OR c.relrowsecurity "
        "OR c.relchecks OPERATOR(pg_catalog.>) 0::pg_catalog.int2 "
        "OR EXISTS (SELECT 1 FROM pg_catalog.pg_attrdef a WHERE a.adrelid OPERATOR(pg_catalog.=) c.oid AND EXISTS (SELECT 1 FROM pg_catalog.pg_depend f "
        "WHERE f.classid OPERATOR(pg_catalog.=) 2604::pg_catalog.oid AND f.objid OPERATOR(pg_catalog.=) a.oid "
        "AND (f.refclassid OPERATOR(pg_catalog.=) 1255::pg_catalog.oid OR f.refclassid OPERATOR(pg_catalog.=) 2617::pg_catalog.oid))) "
        "OR EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid OPERATOR(pg_catalog.=) c.oid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)) "
        "OR EXISTS (SELECT 1 FROM pg_catalog.pg_attribute t JOIN pg_catalog.pg_type y ON y.oid OPERATOR(pg_catalog.=) t.atttypid "
        // Domains, and what may be made of them: rows, ranges, arrays.
        "WHERE t.attrelid OPERATOR(pg_catalog.=) c.oid AND y.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid "
        "AND y.typtype OPERATOR(pg_catalog.<>) 'e'::pg_catalog.\"char\" "
        "AND (y.typtype OPERATOR(pg_catalog.<>) 'b'::pg_catalog.\"char\" OR y.typelem OPERATOR(pg_catalog.<>) 0::pg_catalog.oid)))) "
        "OR EXISTS (SELECT 1 FROM pg_catalog.pg_type t WHERE t.typnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema() "
        "AND t.typtype OPERATOR(pg_catalog.=) 'd'::pg_catalog.\"char\") THEN 'code' ELSE 'data' END";
    for (const auto setting : kKeyedSettings) {
        query += ", pg_catalog.current_setting('";
        query += setting;
        query += "', true)";
    }
    return query;
}

std::shared_ptr<SessionEnv> parse_environment(std::string_view database, const std::vector<std::string>& columns) {
    if (columns.size() != kFixedColumns + kKeyedSettings.size()) return nullptr;
    if (columns[0].empty() || columns[1].empty()) return nullptr;
    auto path = parse_array(columns[2]);
    if (!path) return nullptr;
    const std::string_view temp = columns[3];
    if (temp != "none" && temp != "data" && temp != "code") return nullptr;

    auto env = std::make_shared<SessionEnv>();
    env->database = database;
    env->current_user = columns[0];
    env->session_user = columns[1];
    env->search_path = std::move(*path);
    env->owns_temp_objects = temp != "none";
    env->temp_objects_run_code = temp == "code";
    env->settings.reserve(kKeyedSettings.size());
    for (std::size_t i = 0; i < kKeyedSettings.size(); ++i) env->settings.emplace_back(kKeyedSettings[i], columns[kFixedColumns + i]);

    const auto setting = split_list(env->setting("search_path"), {.backslash_escapes = false, .folds = true});
    if (!setting) return nullptr;
    env->schemas = reachable_schemas(*env, *setting);
    return env;
}

}  // namespace larder::rules
