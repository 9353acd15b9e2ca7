// The key of a cached answer: everything that its bytes depend on besides the data.
//
// Layout, all integers little-endian, every variable part length-prefixed so that no two different requests can give
// the same bytes: environment id (8), then each with its length (4): text, declared parameter types, and of the Bind message its
// parameter formats, values and result formats as they stand on the wire; formats that are all text count as none. So a
// simple Query and a Bind without parameters whose formats are all text give the same key: PostgreSQL gives them the same rows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "protocol/frontend.h"

namespace larder::session {

// Replaces `out`. For a simple Query.
void make_key(std::string& out, std::uint64_t env_id, Bytes text);

// Replaces `out`. For an extended request. `parameter_types`: OidList::raw() of the Parse.
void make_key(std::string& out, std::uint64_t env_id, Bytes text, Bytes parameter_types, const protocol::Bind& bind);

// What a key was made of: views into it. Formats and types are as they stand on the wire, without their counts; no formats: all text.
struct KeyParts {
    std::uint64_t env_id = 0;
    Bytes text, parameter_types, formats, values, result_formats;
};
// Nothing for bytes that are no key.
std::optional<KeyParts> split_key(Bytes key);

}  // namespace larder::session
