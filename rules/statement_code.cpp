#include "rules/statement_code.h"

#include "rules/function_code.h"

namespace larder::rules {

namespace {

bool is_word_byte(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

// `word` in lower case; `at` is where a match would begin.
bool is_word_at(Bytes text, std::size_t at, std::string_view word) {
    if (text.size() - at < word.size()) return false;
    if (at > 0 && is_word_byte(text[at - 1])) return false;
    for (std::size_t i = 0; i < word.size(); ++i) {
        if ((text[at + i] | 0x20) != word[i]) return false;
    }
    return at + word.size() == text.size() || !is_word_byte(text[at + word.size()]);
}

Reason value_function_reason(std::string_view function) {
    // current_date, current_time, current_timestamp, localtime, localtimestamp, with and without precision; and constants
    // such as 'today'.
    if (function == "now_literal" || function.starts_with("local") || function.ends_with("date") || function.ends_with("time") || function.ends_with("timestamp")) return Reason::time_dependent;
    return Reason::session_dependent;
}

void note(CodeVerdict& verdict, Reason reason) {
    if (verdict.reason == Reason::none) verdict.reason = reason;
}

void note(CodeVerdict& verdict, const Catalogue::FunctionVerdict& code) {
    note(verdict, code.reason);
    verdict.may_write |= code.may_write;
    verdict.may_change_session |= code.may_change_session;
    verdict.is_own_code |= code.is_own_code;
}

}  // namespace

sql::Name in_scope(sql::Name name, NameScope scope) {
    if (scope == NameScope::view && name.schema.empty()) name.schema = "pg_catalog";
    return name;
}

CodeVerdict judge_code(const sql::Facts& facts, const Catalogue& catalogue, const std::vector<std::string>& search_path, NameScope scope) {
    CodeVerdict verdict;
    if (!facts.understood) return {Reason::not_understood, true, true, true};
    if (!facts.writes.empty() || facts.selects_into) note(verdict, Reason::writes);
    if (facts.locks_rows) note(verdict, Reason::locks_rows);
    if (facts.samples) note(verdict, Reason::samples);
    if (facts.system_columns) note(verdict, Reason::system_catalog);
    for (const auto& function : facts.functions) note(verdict, catalogue.function_verdict(in_scope(function, scope), search_path));
    for (const auto& name : facts.row_fields) note(verdict, catalogue.field_verdict(name, true));
    for (const auto& name : facts.value_fields) {
        note(verdict, catalogue.field_verdict(name, false));
        note(verdict, catalogue.type_code({{}, name}));  // ('now'::text).timestamptz is a cast
    }
    for (const auto& function : facts.value_functions) note(verdict, value_function_reason(function));
    for (const auto& name : facts.operators) note(verdict, catalogue.operator_code(in_scope(name, scope)));
    for (const auto& name : facts.types) note(verdict, catalogue.type_code(in_scope(name, scope)));
    if (catalogue.has_user_casts()) note(verdict, Reason::user_type);
    return verdict;
}

bool names_present_time(Bytes value) {
    for (std::size_t at = 0; at < value.size(); ++at) {
        switch (value[at] | 0x20) {
            case 'n':
                if (is_word_at(value, at, "now")) return true;
                break;
            case 't':
                if (is_word_at(value, at, "today") || is_word_at(value, at, "tomorrow")) return true;
                break;
            case 'y':
                if (is_word_at(value, at, "yesterday")) return true;
                break;
            default: break;
        }
    }
    return false;
}

}  // namespace larder::rules
