// Maps by the name of a statement or portal, looked up by a piece of the message without making a string of it.
#pragma once

#include <functional>
#include <string>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/bytes.h"
#include "cache/cache.h"

namespace larder::session {

struct NameHash {
    using is_transparent = void;
    using is_avalanching = void;
    std::size_t operator()(Bytes name) const noexcept { return cache::hash_key(name); }
};
template <class Value>
using ByName = boost::unordered_flat_map<std::string, Value, NameHash, std::equal_to<>>;

}  // namespace larder::session
