// What a trigger function in PL/pgSQL does: the statements and expressions of its body, and what it does to the row.
//
// The body is parsed by libpg_query, which gives each expression as a text. What runs a text that is made at run time (EXECUTE), calls a
// procedure or ends a transaction is not understood, nor is any construct that is not known here.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sql/analyse.h"

namespace larder::sql {

struct TriggerBody {
    std::vector<TextFacts> statements;       // without repeats of order or condition: each may run, any number of times
    // The columns of NEW that it may set. Nothing: it may return another row than NEW, OLD or none, or set NEW as a whole.
    std::optional<std::vector<std::string>> sets;
};

// `body`: pg_proc.prosrc of a function that returns trigger. Nothing: it is not understood. Threads: as analyse().
std::optional<TriggerBody> analyse_trigger_body(Bytes body);

}  // namespace larder::sql
