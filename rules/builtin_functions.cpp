#include "rules/builtin_functions.h"

#include <algorithm>
#include <array>

namespace larder::rules {

namespace {

// Sorted, for binary search; the static_asserts below keep them so.
constexpr auto kKeyedStable = std::to_array<std::string_view>({
    "anytextcat", "array_to_json", "array_to_string", "concat", "concat_ws", "convert", "convert_from", "convert_to", "date", "date_add",
    "date_part", "date_subtract", "date_trunc", "enum_first", "enum_last", "enum_range", "extract", "format", "generate_series",
    "interval_pl_timestamptz", "json_agg", "json_agg_strict", "json_build_array", "json_build_object", "json_object_agg",
    "json_object_agg_strict", "json_object_agg_unique", "json_object_agg_unique_strict", "json_populate_record",
    "json_populate_recordset", "json_to_record", "json_to_recordset", "json_to_tsvector", "jsonb_agg", "jsonb_agg_strict",
    "jsonb_build_array", "jsonb_build_object", "jsonb_object_agg", "jsonb_object_agg_strict", "jsonb_object_agg_unique",
    "jsonb_object_agg_unique_strict", "jsonb_path_exists_tz", "jsonb_path_match_tz", "jsonb_path_query_array_tz",
    "jsonb_path_query_first_tz", "jsonb_path_query_tz", "jsonb_populate_record", "jsonb_populate_recordset", "jsonb_to_record",
    "jsonb_to_recordset", "jsonb_to_tsvector", "length", "make_timestamptz", "money", "numeric", "overlaps", "phraseto_tsquery",
    "plainto_tsquery", "quote_literal", "quote_nullable", "row_to_json", "textanycat", "time", "timestamp", "timestamptz",
    "timestamptz_mi_interval", "timestamptz_pl_interval", "timezone", "to_char", "to_date", "to_json", "to_jsonb", "to_number",
    "to_timestamp", "to_tsquery", "to_tsvector", "ts_headline", "ts_match_tq", "ts_match_tt", "websearch_to_tsquery", "xml",
    "xml_is_well_formed",
});

// age() with one argument counts from today, timetz() takes today's offset.
constexpr auto kTime = std::to_array<std::string_view>({
    "age", "clock_timestamp", "mxid_age", "now", "pg_conf_load_time", "pg_postmaster_start_time", "pg_stat_get_snapshot_timestamp",
    "statement_timestamp", "timeofday", "timetz", "transaction_timestamp",
});

constexpr auto kSession = std::to_array<std::string_view>({
    "current_database", "current_query", "current_role", "current_schema", "current_schemas", "current_setting", "current_user",
    "get_current_ts_config", "getpgusername", "inet_client_addr", "inet_client_port", "inet_server_addr", "inet_server_port",
    "pg_backend_pid", "pg_client_encoding", "pg_current_snapshot", "pg_current_xact_id", "pg_current_xact_id_if_assigned", "pg_cursor",
    "pg_has_role", "pg_is_other_temp_schema", "pg_listening_channels", "pg_my_temp_schema", "pg_prepared_statement", "pg_trigger_depth",
    "row_security_active", "session_user", "system_user", "txid_current", "txid_current_if_assigned", "txid_current_snapshot",
});

constexpr auto kSequence = std::to_array<std::string_view>({
    "currval", "lastval", "nextval", "pg_get_sequence_data", "pg_sequence_last_value", "pg_sequence_parameters", "setval",
});

// ts_stat(), ts_rewrite() and the XML exports run a query given as text; cursors run theirs as they are read; the index
// functions evaluate index expressions; the rest changes the catalogue or has settings read again.
constexpr auto kRunsSql = std::to_array<std::string_view>({
    "binary_upgrade_create_empty_extension", "binary_upgrade_set_missing_value", "brin_desummarize_range", "brin_summarize_new_values",
    "brin_summarize_range", "cursor_to_xml", "cursor_to_xmlschema", "database_to_xml", "database_to_xml_and_xmlschema",
    "database_to_xmlschema", "gin_clean_pending_list", "pg_clear_attribute_stats", "pg_extension_config_dump",
    "pg_import_system_collations", "pg_nextoid", "pg_reload_conf", "pg_stop_making_pinned_objects", "query_to_xml",
    "query_to_xml_and_xmlschema", "query_to_xmlschema", "schema_to_xml", "schema_to_xml_and_xmlschema", "schema_to_xmlschema",
    "table_to_xml", "table_to_xml_and_xmlschema", "table_to_xmlschema", "ts_rewrite", "ts_stat",
});

constexpr auto kCatalog = std::to_array<std::string_view>({
    "col_description", "format_type", "obj_description", "oidvectortypes", "regclass", "shobj_description", "version",
});

constexpr bool is_sorted_list(const auto& list) { return std::is_sorted(list.begin(), list.end()); }
static_assert(is_sorted_list(kKeyedStable) && is_sorted_list(kTime) && is_sorted_list(kSession));
static_assert(is_sorted_list(kSequence) && is_sorted_list(kRunsSql) && is_sorted_list(kCatalog));

bool contains(const auto& list, std::string_view function) { return std::binary_search(list.begin(), list.end(), function); }

}  // namespace

BuiltinTrait builtin_trait(std::string_view function) {
    if (contains(kKeyedStable, function)) return BuiltinTrait::keyed_stable;
    if (contains(kRunsSql, function)) return BuiltinTrait::runs_sql;
    if (contains(kTime, function)) return BuiltinTrait::time;
    if (contains(kSequence, function)) return BuiltinTrait::sequence;
    if (function == "set_config" || function.starts_with("pg_advisory_") || function.starts_with("pg_try_advisory_")) return BuiltinTrait::changes_session;
    if (contains(kSession, function) || function.starts_with("has_")) return BuiltinTrait::session;
    if (contains(kCatalog, function) || function.starts_with("to_reg") || function.starts_with("pg_")) return BuiltinTrait::catalog;
    return BuiltinTrait::plain;
}

bool is_harmless_extension(std::string_view extension) {
    for (const std::string_view harmless : {"uuid-ossp", "pgcrypto", "pg_stat_statements", "pg_buffercache", "pgstattuple", "pg_freespacemap",
                                            "pageinspect", "pgrowlocks", "pg_prewarm", "pg_walinspect", "pg_qualstats", "hypopg"}) {
        if (extension == harmless) return true;
    }
    return false;
}

bool is_sql_running_extension(std::string_view extension) {
    return extension == "tablefunc" || extension == "xml2" || extension == "address_standardizer";
}

}  // namespace larder::rules
