// What is known of PostgreSQL's own functions beyond their volatility label.
//
// Reviewed by hand for PostgreSQL 13 to 17. A name stands for all its overloads, so the kindest trait that all of them
// have is given. What is in no list is judged by its label alone: IMMUTABLE is fine, all else is not cached.
#pragma once

#include <string_view>

namespace larder::rules {

enum class BuiltinTrait {
    plain,              // nothing is known but the label
    keyed_stable,       // depends on arguments, catalogue and keyed settings alone
    time,               // on the present time
    session,            // on the session: user, connection, transaction, privileges
    sequence,           // reads or moves a sequence
    catalog,            // reads the system catalogue
    runs_sql,           // runs SQL that it is given, or code attached to objects: may do anything
    changes_session,    // settings or advisory locks
};

BuiltinTrait builtin_trait(std::string_view function);

// Extensions whose VOLATILE functions in C change no table, e.g. uuid_generate_v4(), and those that monitoring asks.
bool is_harmless_extension(std::string_view extension);

// Extensions whose functions in C run SQL that they are given, whatever their label.
bool is_sql_running_extension(std::string_view extension);

}  // namespace larder::rules
