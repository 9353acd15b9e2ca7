// The verdict over one function, from its row in the catalogue.
#pragma once

#include <set>
#include <string>

#include "rules/catalogue.h"

namespace larder::rules {

// What the database holds that bears on functions.
struct FunctionContext {
    std::set<std::string, std::less<>> extensions_with_relations;
    bool has_code_types = false;      // some type runs code that is not harmless; row-building functions may meet it
    bool has_timetz_columns = false;
};

Catalogue::FunctionVerdict judge_function(const FunctionRow& function, const FunctionContext& context);

// Keeps the worse of two verdicts: of the reasons the graver one, and every ability.
void make_worse(Catalogue::FunctionVerdict& verdict, const Catalogue::FunctionVerdict& other);

// It runs code that may do anything when it is called behind the statement's back (trigger, default, cast …).
inline bool is_code(const Catalogue::FunctionVerdict& verdict) { return verdict.may_write || verdict.may_change_session; }

}  // namespace larder::rules
