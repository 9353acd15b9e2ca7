// The key of a cached answer: everything that its bytes depend on besides the data.
//
// Layout, all integers little-endian, every variable part length-prefixed so that no two different requests can give
// the same bytes: environment id (8), text length (4), text, number of declared parameter types (2), their OIDs (4 each),
// then of the Bind message its parameter formats, values and result formats as they stand. A simple Query without
// parameters and a Bind whose formats are all text give the same key, since PostgreSQL gives the same rows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "protocol/frontend.h"

namespace larder::session {

// Replaces `out`. For a simple Query.
void make_key(std::string& out, std::uint64_t env_id, Bytes text);

// Replaces `out`. For an extended request.
void make_key(std::string& out, std::uint64_t env_id, Bytes text, const std::vector<Oid>& parameter_types, const protocol::Bind& bind);

}  // namespace larder::session
