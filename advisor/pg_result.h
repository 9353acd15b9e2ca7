// What libpq answered, as values. For the advisor's connections only.
//
// Threads: any. Errors: QueryError for what the server refused.
#pragma once

#include <memory>
#include <string>

#include <libpq-fe.h>

#include "advisor/connection.h"

namespace larder::advisor {

struct ClearResult {
    void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, ClearResult>;

// libpq's messages end with a newline.
std::string without_newline(const char* message);
void check(const PGresult* result);
Rows rows_of(const PGresult* result);
// As libpq wants them, for as long as `parameters` stay as they are.
std::vector<const char*> pointers_to(const Parameters& parameters);
// By the extended protocol, which refuses a second statement.
Rows ask_server(pg_conn* connection, const std::string& sql, const Parameters& parameters);

}  // namespace larder::advisor
