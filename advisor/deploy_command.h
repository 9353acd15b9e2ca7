// `larder advise --deploy`: the best advice on one statement put into force, and taken back if the plan does not get cheaper.
// Threads: one. Errors: what goes wrong is written to `errors`; std::runtime_error if the connection fails.
#pragma once

#include <iosfwd>
#include <string>

#include "advisor/gate.h"

namespace larder::advisor {

// True: it is in force, and the statement's plan costs clearly less. What was done is undone else.
bool deploy_best(const std::string& uri, const std::string& statement, const CatalogueSource& catalogue, std::ostream& out, std::ostream& errors);

}  // namespace larder::advisor
