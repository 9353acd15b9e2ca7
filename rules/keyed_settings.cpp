// Which of PostgreSQL's settings decide what an answer is. Every setting of a server is either here or, reviewed, in
// tests/integration/harmless_settings.txt; the integration test fails when a server knows one that is in neither.
#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "rules/session_env.h"

namespace larder::rules {

const std::vector<std::string_view> kKeyedSettings = {
    // How values are written and read.
    "DateStyle", "IntervalStyle", "TimeZone", "timezone_abbreviations", "extra_float_digits", "bytea_output", "client_encoding",
    "array_nulls", "quote_all_identifiers", "lc_monetary", "lc_numeric", "lc_time", "lc_messages", "xmlbinary", "xmloption",
    "default_text_search_config",
    // What a text means. escape_string_warning and operator_precedence_warning (13 only) decide whether warnings come with it.
    "idle_in_transaction_session_timeout", "standard_conforming_strings", "backslash_quote", "escape_string_warning", "operator_precedence_warning", "transform_null_equals",
    // The raw path: what a name means may change without this session's doing, by a new schema or a GRANT; but then it
    // changes alike for all sessions with the same user and the same setting.
    "search_path",
    // What is read, or whether it may be. The last is there in servers with the fix of 2025 only.
    "row_security", "session_replication_role", "restrict_nonsystem_relation_kind", "composite_type_mismatch",
    "gin_fuzzy_search_limit", "allow_system_table_mods", "zero_damaged_pages", "ignore_checksum_failure", "ignore_system_indexes",
    // What comes along, and in which transaction it would run.
    "client_min_messages", "default_transaction_isolation", "default_transaction_deferrable", "default_transaction_read_only",
};

namespace {

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
    });
}

// Not read back as settings, but through what they change: current_user and session_user. The rest are other names
// that PostgreSQL accepts for keyed ones.
constexpr std::array<std::string_view, 5> kAlsoEnvironment = {"role", "session_authorization", "is_superuser", "names", "time zone"};

}  // namespace

bool is_environment_setting(std::string_view name) {
    const auto is_name = [name](std::string_view candidate) { return equal_ignoring_case(name, candidate); };
    return std::any_of(kKeyedSettings.begin(), kKeyedSettings.end(), is_name) ||
           std::any_of(kAlsoEnvironment.begin(), kAlsoEnvironment.end(), is_name);
}

std::string_view SessionEnv::setting(std::string_view name) const {
    for (const auto& [known, value] : settings) {
        if (equal_ignoring_case(known, name)) return value;
    }
    return {};
}

}  // namespace larder::rules
