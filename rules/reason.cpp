#include "rules/reason.h"

#include <array>

namespace larder::rules {

namespace {

struct Text {
    Reason reason;
    std::string_view name, sentence;
};

constexpr std::array kTexts{
    Text{Reason::none, "none", "it may be cached"},
    Text{Reason::not_a_select, "not_a_select", "it is not a SELECT"},
    Text{Reason::multi_statement, "multi_statement", "the text holds more than one statement"},
    Text{Reason::not_parsed, "not_parsed", "the text could not be parsed, or is too long to be"},
    Text{Reason::not_understood, "not_understood", "it has a construct that Larder does not know"},
    Text{Reason::writes, "writes", "it writes"},
    Text{Reason::locks_rows, "locks_rows", "it locks rows (FOR UPDATE or FOR SHARE)"},
    Text{Reason::samples, "samples", "it samples (TABLESAMPLE)"},
    Text{Reason::volatile_function, "volatile_function", "it calls a VOLATILE function"},
    Text{Reason::stable_function, "stable_function", "it calls a STABLE function that may depend on more than its arguments and the settings in the key"},
    Text{Reason::user_function, "user_function", "it calls a function whose body is not understood"},
    Text{Reason::unknown_function, "unknown_function", "it calls a function that is not in the catalogue"},
    Text{Reason::user_operator, "user_operator", "it uses an operator whose function is not understood"},
    Text{Reason::user_type, "user_type", "it may use a type or cast whose functions are not understood"},
    Text{Reason::time_dependent, "time_dependent", "its answer depends on the present time"},
    Text{Reason::session_dependent, "session_dependent", "its answer depends on the session"},
    Text{Reason::system_catalog, "system_catalog", "it reads the system catalogue"},
    Text{Reason::foreign_table, "foreign_table", "it reads a foreign table"},
    Text{Reason::sequence, "sequence", "it reads or moves a sequence"},
    Text{Reason::temp_table, "temp_table", "the session owns temporary objects, or the statement names one"},
    Text{Reason::row_security, "row_security", "a relation that it reads has row security"},
    Text{Reason::unknown_relation, "unknown_relation", "it reads a relation that is not in the catalogue"},
    Text{Reason::hint_off, "hint_off", "the statement's comment turns the cache off"},
    Text{Reason::session_off, "session_off", "the session has turned the cache off"},
    Text{Reason::rule_off, "rule_off", "a rule turns the cache off"},
    Text{Reason::quarantined, "quarantined", "a kept answer to such a statement was found to differ from the server's, and it stays out of the cache until the quarantine is lifted"},
    Text{Reason::cache_off, "cache_off", "the cache is turned off"},
    Text{Reason::no_catalogue, "no_catalogue", "the catalogue's facts are not loaded, or not valid any more"},
    Text{Reason::settings_unknown, "settings_unknown", "the session's settings are not known"},
    Text{Reason::unsafe_lexing, "unsafe_lexing", "the session's settings change how texts are read"},
    Text{Reason::debug_messages, "debug_messages", "client_min_messages asks for debug messages"},
    Text{Reason::isolation, "isolation", "the transaction is REPEATABLE READ or SERIALIZABLE"},
    Text{Reason::transaction_wrote, "transaction_wrote", "the transaction has written"},
    Text{Reason::transaction_failed, "transaction_failed", "the transaction has failed"},
    Text{Reason::pipelined, "pipelined", "an answer is still owed to the session"},
    Text{Reason::row_limit, "row_limit", "the portal is read with a row limit"},
    Text{Reason::protocol_shape, "protocol_shape", "the messages came in an order that cannot be served"},
    Text{Reason::old_statement, "old_statement", "it was prepared before the schema last changed, and the server decides whether it still holds"},
    Text{Reason::replica, "replica", "the server is a standby"},
    Text{Reason::barrier_blind, "barrier_blind", "it has to see what others have committed, and no change feed tells of that now"},
    Text{Reason::barrier_late, "barrier_late", "it has to see what others have committed, and the change feed was not there in time"},
    Text{Reason::in_flight, "in_flight", "a write of what it reads was under way"},
    Text{Reason::too_large, "too_large", "the answer is too large"},
    Text{Reason::had_notice, "had_notice", "the answer came with a notice"},
    Text{Reason::error, "error", "the server answered with an error"},
    Text{Reason::no_upstream, "no_upstream", "there is no control connection to the server"},
    Text{Reason::another_larder, "another_larder", "another Larder is alive on this server"},
    Text{Reason::replication, "replication", "it is a replication connection"},
};

constexpr bool is_in_order() {
    for (std::size_t i = 0; i < kTexts.size(); ++i) {
        if (static_cast<std::size_t>(kTexts[i].reason) != i) return false;
    }
    return kTexts.size() == static_cast<std::size_t>(Reason::count_);
}
static_assert(is_in_order(), "one text per reason, in the order of the enum");

}  // namespace

std::string_view name(Reason reason) {
    const auto index = static_cast<std::size_t>(reason);
    return index < kTexts.size() ? kTexts[index].name : "invalid";
}

std::string_view explain(Reason reason) {
    const auto index = static_cast<std::size_t>(reason);
    return index < kTexts.size() ? kTexts[index].sentence : "the reason is not known";
}

}  // namespace larder::rules
