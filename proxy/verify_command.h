// larder verify: are the answers right? Asked of a running Larder, or found out with a file of statements.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace larder::proxy {

// `arguments`: those after "verify". Returns the exit code: 0 everything that was compared is equal, 1 something differs, nothing could be
// compared, or there is no connection; 2 the arguments are wrong.
int run_verify(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& errors);

}  // namespace larder::proxy
