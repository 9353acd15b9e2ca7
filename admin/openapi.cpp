#include "admin/openapi.h"

#include <boost/json.hpp>

#include "admin/endpoints.h"
#include "admin/json_text.h"

namespace larder::admin {
namespace {

namespace json = boost::json;

json::array split(std::string_view text, char separator) {
    json::array parts;
    while (!text.empty()) {
        const auto end = std::min(text.find(separator), text.size());
        parts.push_back(json::value(text.substr(0, end)));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

json::object schema_of(const Parameter& parameter) {
    json::object schema{{"type", parameter.type}};
    if (!parameter.values.empty()) schema["enum"] = split(parameter.values, '|');
    if (parameter.type == "integer") {
        schema["minimum"] = parameter.minimum;
        if (parameter.maximum > 0) schema["maximum"] = parameter.maximum;
    }
    return schema;
}

json::array parameters_of(const Endpoint& endpoint) {
    json::array all;
    for (auto at = endpoint.path.find('{'); at != std::string_view::npos; at = endpoint.path.find('{', at + 1)) {
        const auto name = endpoint.path.substr(at + 1, endpoint.path.find('}', at) - at - 1);
        all.push_back(json::object{{"name", name}, {"in", "path"}, {"required", true}, {"schema", json::object{{"type", "string"}}}});
    }
    for (const auto& parameter : endpoint.parameters) {
        all.push_back(json::object{{"name", parameter.name}, {"in", "query"}, {"description", parameter.description}, {"schema", schema_of(parameter)}});
    }
    return all;
}

json::object refusal(const char* description) {
    return {{"description", description}, {"content", json::object{{"application/problem+json", json::object{{"schema", json::object{{"$ref", "#/components/schemas/Problem"}}}}}}}};
}

json::object success(const Endpoint& endpoint) {
    json::object response{{"description", endpoint.summary}};
    if (endpoint.content_type.empty()) return response;
    json::object media;
    if (endpoint.content_type == "application/json") media["schema"] = json::object{{"type", "object"}, {"required", split(endpoint.members, ' ')}};
    response["content"] = json::object{{endpoint.content_type, std::move(media)}};
    return response;
}

json::object responses_of(const Endpoint& endpoint) {
    json::object responses{{std::to_string(endpoint.status), success(endpoint)}};
    if (endpoint.path == "/readyz") responses["503"] = refusal("PostgreSQL cannot be reached");
    if (!endpoint.is_change()) {
        responses["304"] = json::object{{"description", "It is still what If-None-Match names"}};
    } else {
        responses["401"] = refusal("The token is missing or wrong");
        responses["403"] = refusal("No token is configured");
        responses["409"] = refusal("It cannot be done; the answer says why");
    }
    if (endpoint.path.starts_with("/api/")) {
        responses["400"] = refusal("A parameter or the body cannot be read");
        responses["404"] = refusal("It is not there, or belongs to a part that is off");
    }
    if (endpoint.status == 101) {
        responses["400"] = refusal("A parameter cannot be read");
        responses["404"] = refusal("It belongs to a part that is off");
        responses["426"] = refusal("The request wants no WebSocket");
        responses["429"] = refusal("There are as many streams as there may be");
    }
    for (const auto& parameter : endpoint.parameters) {
        if (parameter.name == "dry_run" && endpoint.status != 200) responses["200"] = json::object{{"description", "With dry_run: what the rule would match"}};
    }
    if (endpoint.is_change() && endpoint.path == "/api/v1/rules/{name}") responses["412"] = refusal("What If-Match or If-None-Match demands is not so");
    if (endpoint.method == "PUT") responses["201"] = json::object{{"description", "There was none, and it was made"}};
    if (!endpoint.body.empty()) responses["422"] = refusal("It is no rule; the answer says why");
    return responses;
}

json::object operation_of(const Endpoint& endpoint) {
    json::object operation{{"summary", endpoint.summary}, {"parameters", parameters_of(endpoint)}, {"responses", responses_of(endpoint)}};
    if (endpoint.is_change()) operation["security"] = json::array{json::object{{"bearer", json::array{}}}};
    if (!endpoint.body.empty()) {
        operation["requestBody"] = json::object{{"required", true}, {"description", endpoint.body},
                                                {"content", json::object{{"application/json", json::object{{"schema", json::object{{"type", "object"}}}}}}}};
    }
    return operation;
}

std::string lower_case(std::string_view method) {
    std::string out(method);
    for (char& c : out) c = static_cast<char>(c - 'A' + 'a');
    return out;
}

json::object components() {
    return {{"securitySchemes", json::object{{"bearer", json::object{{"type", "http"}, {"scheme", "bearer"}}}}},
            {"schemas", json::object{{"Problem", json::object{{"type", "object"}, {"required", json::array{"title", "status", "detail"}}}}}}};
}

}  // namespace

std::string openapi_document(const std::string& version) {
    json::object paths;
    for (const Endpoint& endpoint : endpoints()) {
        auto& path = paths[endpoint.path];
        if (!path.is_object()) path = json::object();
        path.as_object()[lower_case(endpoint.method)] = operation_of(endpoint);
    }
    return json_text(json::object{
        {"openapi", "3.1.0"},
        {"info", json::object{{"title", "Larder"}, {"version", version}, {"description", "What changes something wants the bearer token of admin.token_file. Errors are application/problem+json."}}},
        {"components", components()},
        {"paths", std::move(paths)},
    }) + "\n";
}

}  // namespace larder::admin
