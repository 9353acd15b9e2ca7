// Why a server connection cannot be lent to somebody else after this transaction, and which statements may make it so.
//
// What a session leaves behind on its server connection is of three kinds. Settings, the role and prepared statements are
// *carried*: read back, and set again on the next connection. Temporary objects, session advisory locks, LISTEN, WITH HOLD
// cursors and names made by SQL's PREPARE can be *seen* by a question to the server: they pin the connection for as long as
// the answer names them. The rest can neither be carried nor seen, and pins until the client leaves: sequences that were
// moved (currval), code that is not understood, settings of extensions, which no RESET takes back.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "proxy/session/pool_mode.h"
#include "rules/plan.h"
#include "sql/facts.h"

namespace larder::session {

enum class Pin : std::uint8_t {
    // Seen.
    temp_objects, advisory_lock, listen, cursor, prepared_sql,
    // A prepared statement that was parsed under other settings than those of now: parsed again it could mean something else.
    old_statement,
    role,              // SET SESSION AUTHORIZATION, or a role that a login comes with
    setting,           // one whose value cannot be set again as it is
    unjudged,          // the catalogue's facts are missing, and without them nobody knows whether code ran that is not understood
    // Until the client leaves.
    sequence,          // moved, so that currval() and lastval() have an answer; DISCARD SEQUENCES ends it
    custom_setting,    // of an extension's name ("a.b"): no RESET makes it unknown again
    session_function,  // setseed(), temporary replication slots, a backup in progress …
    unknown_code,      // may have left anything behind
    large_statement,   // too long to be kept, and so to be parsed again
    unknown_state,     // the question failed, or a limit was met
    replication,
    count_,
};

// One word, for the console and metrics.
std::string_view name(Pin pin);

// A set of pins.
class Pins {
public:
    void add(Pin pin) { bits_ |= bit(pin); }
    void add(Pins others) { bits_ |= others.bits_; }
    void remove(Pin pin) { bits_ &= ~bit(pin); }
    bool has(Pin pin) const { return (bits_ & bit(pin)) != 0; }
    bool empty() const { return bits_ == 0; }
    void clear() { bits_ = 0; }
    Pin first() const;  // of a set that is not empty

private:
    static std::uint32_t bit(Pin pin) { return 1u << static_cast<unsigned>(pin); }
    std::uint32_t bits_ = 0;
};

// What one text may leave behind.
struct Leftovers {
    Pins pins;                        // that only the client's end takes away
    bool moves_state = false;         // the server has to be asked what is left
    bool makes_temp = false;          // the connection has a temporary schema from then on, be it empty
    bool changes_settings = false;    // also only for this transaction: what is parsed until its end is parsed under unknown ones
    bool needs_exact_names = false;   // it may see which prepared statements there are
};

// Of what is not known at all.
Leftovers leftovers_of_unknown(PoolMode mode);
Leftovers leftovers_of(const sql::TextFacts& facts, Bytes text, const rules::Plan& plan, PoolMode mode);

}  // namespace larder::session
