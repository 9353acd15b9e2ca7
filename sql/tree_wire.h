// From a tree's JSON to the protobuf bytes that libpg_query's deparser reads. Private to sql/.
#pragma once

#include <optional>
#include <string>

#include <boost/json/value.hpp>

namespace larder::sql {

// Nothing if a member or a value is not in libpg_query's description of its nodes.
std::optional<std::string> tree_wire(const boost::json::value& root);

}  // namespace larder::sql
