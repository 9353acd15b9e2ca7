// larder advise [--json] [--upstream URI] ['SELECT …' | < file]
#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "rules/catalogue.h"

namespace larder::advisor {

// Without the words "larder advise". With --json one question a line comes in and one answer a line goes out; else the statements, each
// ended by a semicolon, and text for people. Returns the exit code: 0 done, 1 the database cannot be reached, 2 bad usage.
// `load`: what the catalogue of the database at this URI says, by which it is told what may be planned (gate.h); std::runtime_error if it cannot be read.
using CatalogueLoader = std::function<std::shared_ptr<const rules::Catalogue>(const std::string& uri)>;
int run_command(const std::vector<std::string>& arguments, const CatalogueLoader& load, std::istream& in, std::ostream& out, std::ostream& errors);

}  // namespace larder::advisor
