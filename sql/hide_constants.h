// What is left of a text when its comments and whatever constants are still written into it are taken away.
//
// libpg_query's normalisation leaves comments as they are, and constants where PostgreSQL's own analysis would not see them: the
// arguments of CALL and EXECUTE, the query of CREATE TABLE AS, XMLTABLE's paths. A text for people must hold none of them.
//
// Threads: any. Errors: an empty text if it cannot be taken apart.
#pragma once

#include <string>

namespace larder::sql {

// `text` without comments, and with $n (above all that it names already) for each string and bit string. So are numbers, except in
// SELECT, INSERT, UPDATE, DELETE, MERGE and VALUES: there those that normalisation leaves have a meaning (ORDER BY 2, numeric(9, 2)).
std::string hide_constants(const std::string& text);

}  // namespace larder::sql
