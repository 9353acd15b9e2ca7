#include "admin/routes.h"

#include <algorithm>

#include <boost/json.hpp>

#include "admin/endpoints.h"
#include "admin/json_text.h"

namespace larder::admin {
namespace {

namespace json = boost::json;

std::string allowed(const std::vector<const Endpoint*>& found) {
    std::string methods;
    for (const auto* endpoint : found) methods += (methods.empty() ? "" : ", ") + std::string(endpoint->is_change() ? "" : "GET, ") + (endpoint->is_change() ? std::string(endpoint->method) : "HEAD");
    return methods;
}

}  // namespace

// FNV-1a, 64 bits. An entity tag tells versions of one resource apart; nobody gains by making two that look the same.
std::string entity_tag(std::string_view body) {
    std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
    for (const char c : body) hash = (hash ^ static_cast<unsigned char>(c)) * 0x0000'0100'0000'01b3;
    static constexpr char kHex[] = "0123456789abcdef";
    std::string tag = "\"";
    for (int i = 0; i < 16; ++i, hash <<= 4) tag += kHex[hash >> 60];
    return tag + "\"";
}

HttpReply not_allowed(const std::string& allow) {
    HttpReply reply = problem(405, "Method not allowed", "this resource knows these methods only: " + allow);
    reply.allow = allow;
    return reply;
}

HttpReply problem(int status, std::string_view title, std::string_view detail) {
    return {status, "application/problem+json", json_text(json::object{{"title", title}, {"status", status}, {"detail", detail}}) + "\n"};
}

HttpReply answer(std::string_view method, std::string_view target, const Sources& sources, std::string_view authorization, std::string_view body, const Conditions& conditions,
                 Access by_certificate) {
    const std::string_view path = target.substr(0, target.find('?'));
    const std::string_view query = path.size() == target.size() ? std::string_view() : target.substr(path.size() + 1);
    const auto found = endpoints_of(path);
    if (found.empty()) return problem(404, "Not found", "there is nothing here; try /, /metrics, /healthz, /readyz or /api/v1/openapi.json");
    const HttpRequest request{method, path, query, authorization, body, conditions, std::max(by_certificate, access_of(authorization, sources))};
    const auto wanted = request.is_read() ? std::string_view("GET") : method;
    const auto endpoint = std::find_if(found.begin(), found.end(), [&](const auto* one) { return one->method == wanted; });
    if (endpoint == found.end()) return not_allowed(allowed(found));
    // Here and nowhere else, so that no endpoint can forget it.
    if ((*endpoint)->is_change()) {
        if (auto refused = change_refusal(request, sources)) return *refused;
    } else if (sources.reads_need_secret && request.access == Access::none && !(*endpoint)->is_open) {
        return problem(401, "Unauthorized", "the header \"Authorization: Bearer <token>\" with the token of admin.read_token_file or admin.token_file is missing or wrong");
    }
    HttpReply reply = (*endpoint)->answer(request, sources);
    if (!(*endpoint)->is_change() && reply.status == 200 && reply.etag.empty()) reply.etag = entity_tag(reply.body);
    return reply;
}

HttpReply if_changed(HttpReply reply, std::string_view if_none_match) {
    if (reply.etag.empty() || (if_none_match != "*" && if_none_match.find(reply.etag) == std::string_view::npos)) return reply;
    reply.status = 304;
    reply.body.clear();
    reply.content_type.clear();
    return reply;
}

}  // namespace larder::admin
