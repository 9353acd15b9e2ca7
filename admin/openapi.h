// The OpenAPI 3.1 document of the HTTP port, made of the table in endpoints.h.
// Threads: any.
#pragma once

#include <string>

namespace larder::admin {

std::string openapi_document(const std::string& version);

}  // namespace larder::admin
