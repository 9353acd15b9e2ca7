#include "proxy/session/server_link.h"

#include <algorithm>
#include <array>

namespace larder::session {

namespace {

constexpr std::string_view kRole = "role";

// No statement is parsed otherwise because of one of these.
constexpr std::array<std::string_view, 10> kWithoutMeaning{
    "application_name", "client_min_messages", "idle_in_transaction_session_timeout", "idle_session_timeout", "lock_timeout",
    "log_min_duration_statement", "maintenance_work_mem", "statement_timeout", "synchronous_commit", "work_mem",
};

}  // namespace

bool equal(const SettingsRef& a, const SettingsRef& b) { return a == b || (a && b && *a == *b); }
bool equal(const ParseKey& a, const ParseKey& b) { return a == b || (a && b && *a == *b); }

ParseKey parse_key_of(const SettingsRef& settings) {
    if (settings == nullptr) return nullptr;
    std::string key;
    for (const auto& [name, value] : *settings) {
        if (std::find(kWithoutMeaning.begin(), kWithoutMeaning.end(), name) != kWithoutMeaning.end()) continue;
        ((key += name) += '\0') += value;
        key += '\0';
    }
    return key.empty() ? nullptr : std::make_shared<const std::string>(std::move(key));
}

bool is_carriable(std::string_view name, std::string_view value) {
    constexpr std::size_t kValueBytesMax = 10'000;
    // Superusers alone see them among the settings, and a role that was taken on may not be one.
    if (name == "dynamic_library_path" || name == "session_preload_libraries") return false;
    return value.size() <= kValueBytesMax && std::all_of(value.begin(), value.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

SettingsChange settings_change(const SettingsRef& present, const SettingsRef& wanted) {
    SettingsChange change;
    if (equal(present, wanted)) return change;
    static const Settings kNone;
    const Settings& now = present ? *present : kNone;
    const Settings& then = wanted ? *wanted : kNone;
    // Another role may not be allowed to set what the login's role may, so it is taken off first and put on last.
    if (now.contains(kRole)) change.resets.emplace_back(kRole);
    for (const auto& [name, value] : now) {
        if (name != kRole && !then.contains(name)) change.resets.push_back(name);
    }
    for (const auto& [name, value] : then) {
        if (name == kRole) continue;
        const auto found = now.find(name);
        if (found == now.end() || found->second != value) change.sets.emplace_back(name, value);
    }
    if (const auto role = then.find(kRole); role != then.end()) change.sets.emplace_back(kRole, role->second);
    return change;
}

std::string set_config_query(std::size_t count) {
    std::string text = "SELECT ";
    for (std::size_t i = 0; i < count; ++i) {
        if (i > 0) text += ", ";
        text += "pg_catalog.set_config($" + std::to_string(2 * i + 1) + ", $" + std::to_string(2 * i + 2) + ", false)";
    }
    return text;
}

std::string leftovers_query(std::int32_t backend_lock_class) {
    return "SELECT 's'::pg_catalog.text, name, setting FROM pg_catalog.pg_settings WHERE source OPERATOR(pg_catalog.=) 'session' "
           "AND NOT pg_catalog.starts_with(name, 'transaction_') AND name OPERATOR(pg_catalog.<>) 'is_superuser' "
           "UNION ALL SELECT 'r', pg_catalog.current_setting('role'), session_user::pg_catalog.text "
           "UNION ALL SELECT 'p', name, NULL FROM pg_catalog.pg_prepared_statements "
           "UNION ALL SELECT 't', NULL, NULL WHERE pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.<>) 0::pg_catalog.oid "
           "UNION ALL SELECT 'a', NULL, NULL WHERE EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype OPERATOR(pg_catalog.=) 'advisory' "
           "AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND classid OPERATOR(pg_catalog.<>) '" + std::to_string(backend_lock_class) +
           "'::pg_catalog.oid) "
           "UNION ALL SELECT 'l', NULL, NULL WHERE EXISTS (SELECT FROM pg_catalog.pg_listening_channels()) "
           "UNION ALL SELECT 'h', NULL, NULL WHERE EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE is_holdable)";
}

std::string login_settings_query() {
    return "SELECT COALESCE(pg_catalog.string_agg(setdatabase::pg_catalog.text OPERATOR(pg_catalog.||) ' ' OPERATOR(pg_catalog.||) "
           "setrole::pg_catalog.text OPERATOR(pg_catalog.||) ' ' OPERATOR(pg_catalog.||) setconfig::pg_catalog.text, ' ' ORDER BY setdatabase, setrole), ''), "
           "(SELECT pg_catalog.to_jsonb(d) OPERATOR(pg_catalog.->>) 'dathasloginevt' FROM pg_catalog.pg_database d "
           "WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()) FROM pg_catalog.pg_db_role_setting WHERE (setdatabase OPERATOR(pg_catalog.=) 0::pg_catalog.oid OR setdatabase OPERATOR(pg_catalog.=) "
           "(SELECT oid FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database())) "
           "AND (setrole OPERATOR(pg_catalog.=) 0::pg_catalog.oid OR setrole OPERATOR(pg_catalog.=) "
           "(SELECT oid FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) session_user))";
}

}  // namespace larder::session
