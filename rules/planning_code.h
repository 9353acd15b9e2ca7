// May planning a statement run code of the database's own?
//
// The planner folds what is labelled IMMUTABLE and estimates with what is labelled STABLE, and believes the labels: a function that is so
// labelled may call one that does anything, with the rights of whoever asks for the plan (decision 18). It does so for functions,
// operators, casts and types of the statement, and for what hangs on its relations.
#pragma once

#include <string>

#include "rules/catalogue.h"
#include "sql/facts.h"

namespace larder::rules {

// Why the statement must not be planned by one who has more rights than its author, as a clause: "it calls f, which is code of the
// database's own"; empty if it may be. A name without a schema stands for all that have it, in any schema, so the answer holds under every
// search_path. What the catalogue does not know is refused.
std::string why_not_planned(const sql::Facts& facts, const Catalogue& catalogue);

}  // namespace larder::rules
