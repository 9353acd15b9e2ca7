// Is a text's parse tree shallow enough for libpg_query's own walks, which know no limit of depth? Private to sql/.
#pragma once

#include <string>

namespace larder::sql {

// False too for what does not parse and what the walker has not seen in full.
bool is_shallow(const std::string& text);

}  // namespace larder::sql
