// One request to the admin port, and who may make it.
// Threads: any.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "admin/routes.h"

namespace larder::admin {

struct HttpRequest {
    std::string_view method, path, query, authorization;  // query: without its question mark
    std::string_view body = {};
    Conditions conditions = {};
    Access access = Access::none;

    bool is_read() const { return method == "GET" || method == "HEAD"; }
};

// "a=1&b=2". No value here holds anything that would be written with %.
std::map<std::string_view, std::string_view> parameters_of(std::string_view query);

// "orders%20of%20today". Nothing if a % does not stand before two hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view text);

// The members of the object that a JSON text holds, those included whose key is there twice. The text must be one that can be parsed.
std::size_t count_members(std::string_view object);

// Nothing if the request may change something; else 401, or 403 where nobody may, or this one may only read.
std::optional<HttpReply> change_refusal(const HttpRequest& request, const Sources& sources);

}  // namespace larder::admin
