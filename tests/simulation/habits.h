// What a seed makes more or less likely.
//
// A race over the catalogue needs quiet before and after it, and time between two steps of one client: clients that all do
// a little of everything hardly ever meet in it. So a part of the seeds gives each client a role instead.
#pragma once

#include <cstdint>

#include "simulation/model_server.h"
#include "simulation/random.h"

namespace larder::simulation {

// In percent, unless it says otherwise.
struct Habits {
    enum class Profile : std::uint8_t {
        mixed,      // everybody does everything
        plain,      // nothing but reads and plain writes, so that nearly every read could be a hit
        rows,       // the same of table k alone: by rows
        catalogue,  // one or two change the catalogue now and then, one or two write what that concerns, the others read it
    };

    static Habits draw(Random& random);

    Profile profile = Profile::mixed;
    unsigned clients = 4;                    // their number
    unsigned reads = 60;
    unsigned ddl = 2;
    unsigned opaque = 20;                    // of the rare writes: calls of functions that nobody understands
    unsigned blocks = 12;
    unsigned strings = 10;                   // several statements at once, of what is neither a read nor a block
    unsigned pipelines = 15;
    unsigned extended = 50;
    unsigned disconnects = 1;
    unsigned rare_writes = 8;                // among the writes: TRUNCATE, SET and the calls
    unsigned keyed = 10;                     // of the reads and updates: of table k
    Step thinks = 100;                       // steps at most, between an answer and the next request

    // Of the profile `catalogue`.
    bool changes_view = false;               // the view, by DDL and by a function; else the foreign key
    Step period = 0;                         // steps from one change of the catalogue to the next
    unsigned slow_writes = 0;                // updates at the end of a period that arrive in the next one's first half
};

// What a client is there for.
enum class Role : std::uint8_t { any, changer, writer, reader };

// The view has two who change it, at about the same time.
inline Role role_of(const Habits& habits, int number) {
    if (habits.profile != Habits::Profile::catalogue) return Role::any;
    if (number == 0 || (number == 1 && habits.changes_view)) return Role::changer;
    return number <= 2 ? Role::writer : Role::reader;
}

}  // namespace larder::simulation
