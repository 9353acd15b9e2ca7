// What a statement's (or view's) expressions do: functions, operators, types and constructs, without its relations.
#pragma once

#include "rules/catalogue.h"
#include "sql/facts.h"

namespace larder::rules {

// Unqualified names in a view's definition, as pg_get_viewdef writes it with an empty search_path, are pg_catalog's.
enum class NameScope { session, view };

sql::Name in_scope(sql::Name name, NameScope scope);

struct CodeVerdict {
    Reason reason = Reason::none;      // the first thing found that forbids caching
    bool may_write = false;
    bool may_change_session = false;
    bool is_own_code = false;          // some of it is neither PostgreSQL's nor native code of an extension
};

CodeVerdict judge_code(const sql::Facts& facts, const Catalogue& catalogue, const std::vector<std::string>& search_path, NameScope scope);

// The value of a parameter, in text form, may hold one of the words that dates read as the present: now, today,
// tomorrow, yesterday. Errs towards true. Constants in the text are found by sql/ ("now_literal").
bool names_present_time(Bytes value);

}  // namespace larder::rules
