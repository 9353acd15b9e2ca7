// The statements of an advice as they mean the same under any search_path: what a client's path finds for the advisor is named with its schema.
//
// Tables and indexes come with their schemas from relation.h. Here it is the names inside: operator classes, functions, types, operators and
// collations of an index's expressions, tables of a view's query, and an index's definition as the server writes it. What is pg_catalog's stays
// as it is, and so does a name that several schemas have: it is pg_catalog's then, or the server refuses the statement.
//
// Threads: one. Errors: as Connection's.
#pragma once

#include <string>
#include <vector>

#include "advisor/advice.h"
#include "advisor/connection.h"

namespace larder::advisor {

// Where an extension is made; it has to be said, since nothing is found by a path when it is.
inline constexpr const char* kExtensionSchema = "public";
std::string create_extension(const std::string& name);

// Asks in the transaction that is open.
void name_in_full(Connection& connection, std::vector<Advice>& advice);

}  // namespace larder::advisor
