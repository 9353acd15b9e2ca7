// Everything that the HTTP port answers, once: what is dispatched and what the OpenAPI document says are made of this table.
// Threads: any; it is constant.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "admin/http_request.h"

namespace larder::admin {

struct Parameter {
    std::string_view name, type;             // of JSON Schema: "integer", "string", "boolean"
    std::string_view values;                 // "a|b|c" for a choice; else empty
    std::string_view description;
    long minimum = 0, maximum = 0;           // of an integer; maximum 0: no bound
};

struct Endpoint {
    std::string_view method;                 // GET answers HEAD as well; all others change something and want the token
    std::string_view path;                   // "/api/v1/rules/{name}": {…} stands for one segment
    std::string_view summary;
    std::string_view content_type;
    std::string_view members;                // of the document, those that are always there: "entries total"
    HttpReply (*answer)(const HttpRequest& request, const Sources& sources);
    std::vector<Parameter> parameters = {};
    int status = 200;                        // where all went well
    std::string_view body = {};              // what it takes, as a sentence; empty: nothing
    bool is_open = false;                    // for everybody, whatever secret reading needs
    bool takes_time = false;                 // it may ask the server, or look through all of the cache: on a thread of its own

    bool is_change() const { return method != "GET"; }
};

std::span<const Endpoint> endpoints();

// The endpoints of the first path in the table that fits; a literal path stands before one with {…} that would fit as well.
std::vector<const Endpoint*> endpoints_of(std::string_view path);

bool takes_time(std::string_view method, std::string_view path);

}  // namespace larder::admin
