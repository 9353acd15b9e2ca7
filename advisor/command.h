// larder advise [--json] [--upstream URI] ['SELECT …' | < file]
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace larder::advisor {

// Without the words "larder advise". With --json one question a line comes in and one answer a line goes out; else the statements, each
// ended by a semicolon, and text for people. Returns the exit code: 0 done, 1 the database cannot be reached, 2 bad usage.
int run_command(const std::vector<std::string>& arguments, std::istream& in, std::ostream& out, std::ostream& errors);

}  // namespace larder::advisor
