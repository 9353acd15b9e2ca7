// Why a statement was not answered from the cache, or its answer not kept. Named once, for metrics, notices, console.
#pragma once

#include <cstdint>
#include <string_view>

namespace larder::rules {

enum class Reason : std::uint8_t {
    none,                 // it may be cached
    not_a_select,
    multi_statement,
    not_parsed,           // libpg_query refused the text, or it is too long
    not_understood,       // parsed, but with a construct that Larder does not know
    writes,               // a SELECT that writes (CTE, SELECT INTO)
    locks_rows,           // FOR UPDATE / SHARE
    samples,              // TABLESAMPLE
    volatile_function,
    stable_function,      // STABLE and not known to depend on its arguments and keyed settings alone
    user_function,        // its body is not understood
    unknown_function,     // not in the catalogue
    user_operator,
    user_type,
    time_dependent,       // now(), current_date, …
    session_dependent,    // current_setting(), current_user …
    system_catalog,
    foreign_table,
    sequence,
    temp_table,           // the session owns temporary objects
    row_security,
    unknown_relation,
    hint_off,             // /* larder: off */
    session_off,          // SET larder.cache = off
    rule_off,             // a [[rule]] with cache = false
    quarantined,          // an answer of this shape was found to be wrong, and an operator has not lifted that yet
    cache_off,            // the cache is turned off for all
    no_catalogue,         // facts are not loaded, or not valid any more
    settings_unknown,     // this session's settings are not known
    unsafe_lexing,        // standard_conforming_strings off, or an encoding that is not safe for ASCII
    debug_messages,       // client_min_messages asks for more than notices, which hits could not give
    isolation,            // REPEATABLE READ or SERIALIZABLE
    transaction_wrote,    // the block has written
    transaction_failed,
    pipelined,            // an answer is still owed to the session
    row_limit,            // Execute with a row limit, or a portal that was begun
    protocol_shape,       // a message sequence that cannot be served
    old_statement,        // it was prepared before the last change of the schema: the server decides whether it still holds
    replica,
    barrier_blind,        // a read barrier was asked for, and there is none: no change feed, or not of what it reads
    barrier_late,         // … and took longer than feed.barrier_limit
    in_flight,            // a write of what it reads was in flight when it was noted
    too_large,
    had_notice,           // the answer carried a notice
    error,                // the server answered an error
    no_upstream,          // no control connection: nothing is served
    another_larder,
    replication,
    count_                // keep last
};

// The name in metrics and notices, e.g. "volatile_function". Never empty.
std::string_view name(Reason reason);

// One sentence for people, e.g. "it calls a VOLATILE function".
std::string_view explain(Reason reason);

}  // namespace larder::rules
