// A file of statements, as psql's are written.
#pragma once

#include <istream>
#include <string>
#include <vector>

namespace larder::sql {

// The statements of a text, taken apart at semicolons that end a line. Threads: the caller's.
std::vector<std::string> statements_of(std::istream& in);

}  // namespace larder::sql
