#include "rules/function_code.h"

#include "rules/builtin_functions.h"

namespace larder::rules {

namespace {

using Verdict = Catalogue::FunctionVerdict;

constexpr Verdict kAnything{Reason::user_function, true, true, true};

// Of functions that share a name, the reason that tells people most about why.
int gravity(Reason reason) {
    switch (reason) {
        case Reason::none: return 0;
        case Reason::stable_function: return 1;
        case Reason::system_catalog: return 2;
        case Reason::session_dependent: return 3;
        case Reason::time_dependent: return 4;
        case Reason::sequence: return 5;
        case Reason::volatile_function: return 6;
        case Reason::user_type: return 7;
        case Reason::user_operator: return 8;
        case Reason::unknown_function: return 9;
        default: return 10;
    }
}

bool builds_rows_of_any_type(std::string_view function) {
    return function.starts_with("json") && (function.ends_with("_populate_record") || function.ends_with("_populate_recordset") ||
                                            function.ends_with("_to_record") || function.ends_with("_to_recordset"));
}

Verdict judge_builtin(const FunctionRow& function, const FunctionContext& context) {
    const auto trait = builtin_trait(function.name);
    if (trait == BuiltinTrait::runs_sql) return {function.volatility == 'v' ? Reason::volatile_function : Reason::stable_function, true, true};
    if (trait == BuiltinTrait::changes_session) return {Reason::volatile_function, false, true};
    if (builds_rows_of_any_type(function.name) && context.has_code_types) return {Reason::user_type, true, true};
    if (function.name == "timezone" && context.has_timetz_columns) return {Reason::time_dependent, false, false};
    if (function.volatility == 'i') return {};
    switch (trait) {
        case BuiltinTrait::time: return {Reason::time_dependent, false, false};
        case BuiltinTrait::session: return {Reason::session_dependent, false, false};
        case BuiltinTrait::sequence: return {Reason::sequence, false, false};
        case BuiltinTrait::keyed_stable:
            if (function.volatility == 's') return {};
            break;
        case BuiltinTrait::catalog:
            if (function.volatility == 's') return {Reason::system_catalog, false, false};
            break;
        default: break;
    }
    return {function.volatility == 's' ? Reason::stable_function : Reason::volatile_function, false, false};
}

// Native code of an extension is trusted to be what its label says, but for extensions that keep tables of their own
// (PostGIS reads spatial_ref_sys in functions labelled IMMUTABLE) and for those that run SQL given as text.
Verdict judge_native_member(const FunctionRow& function, const FunctionContext& context) {
    if (is_sql_running_extension(function.extension)) return kAnything;
    const bool reads_tables = context.extensions_with_relations.contains(function.extension);
    switch (function.volatility) {
        case 'i': return {reads_tables ? Reason::user_function : Reason::none, false, false};
        case 's': return {reads_tables ? Reason::user_function : Reason::stable_function, false, false};
        default:
            if (is_harmless_extension(function.extension)) return {Reason::volatile_function, false, false};
            return {Reason::volatile_function, true, true};
    }
}

}  // namespace

Verdict judge_function(const FunctionRow& function, const FunctionContext& context) {
    if (function.is_procedure) return kAnything;
    // Also those written in SQL, e.g. age(timestamp), overlaps(), obj_description().
    if (function.is_builtin) return judge_builtin(function, context);
    if (function.is_native && function.is_extension_member) return judge_native_member(function, context);
    return kAnything;
}

void make_worse(Verdict& verdict, const Verdict& other) {
    if (gravity(other.reason) > gravity(verdict.reason)) verdict.reason = other.reason;
    verdict.may_write |= other.may_write;
    verdict.may_change_session |= other.may_change_session;
    verdict.is_own_code |= other.is_own_code;
}

}  // namespace larder::rules
