// larder advise [--json] [--upstream URI] ['SELECT …' | < file]
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "advisor/gate.h"

namespace larder::advisor {

// Without the words "larder advise". With --json one question a line comes in and one answer a line goes out; else the statements, each
// ended by a semicolon, and text for people. What befalls one question costs its answer only, which says so. Returns the exit code: 0 done, 1 the database cannot be reached, 2 bad usage.
// `load`: tells what the catalogue of the database at this URI says, by which it is told what may be planned (gate.h).
using CatalogueLoader = std::function<CatalogueSource(const std::string& uri)>;
int run_command(const std::vector<std::string>& arguments, const CatalogueLoader& load, std::istream& in, std::ostream& out, std::ostream& errors);

}  // namespace larder::advisor
