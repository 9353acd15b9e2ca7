#include "admin/http_request.h"

#include <algorithm>
#include <charconv>

namespace larder::admin {

namespace {

// In a time that does not tell how much of it is right.
bool is_same(std::string_view a, std::string_view b) {
    unsigned difference = a.size() == b.size() ? 0 : 1;
    for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
    return difference == 0;
}

}  // namespace

std::map<std::string_view, std::string_view> parameters_of(std::string_view query) {
    std::map<std::string_view, std::string_view> parameters;
    while (!query.empty()) {
        const auto end = std::min(query.find('&'), query.size());
        const auto pair = query.substr(0, end);
        const auto equals = pair.find('=');
        const bool has_value = equals != std::string_view::npos;
        parameters[pair.substr(0, equals)] = has_value ? pair.substr(equals + 1) : std::string_view();
        query.remove_prefix(std::min(end + 1, query.size()));
    }
    return parameters;
}

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            out += text[at];
            continue;
        }
        unsigned char byte = 0;
        const auto* first = text.data() + at + 1;
        if (at + 2 >= text.size() || std::from_chars(first, first + 2, byte, 16).ptr != first + 2) return std::nullopt;
        out += static_cast<char>(byte);
        at += 2;
    }
    return out;
}

std::size_t count_members(std::string_view object) {
    std::size_t members = 0;
    int depth = 0;
    bool is_in_string = false;
    for (std::size_t at = 0; at < object.size(); ++at) {
        const char c = object[at];
        if (c == '"') is_in_string = !is_in_string;
        else if (is_in_string) at += c == '\\' ? 1 : 0;
        else if (c == '{' || c == '[') ++depth;
        else if (c == '}' || c == ']') --depth;
        else if (c == ':' && depth == 1) ++members;
    }
    return members;
}

Access access_of(std::string_view authorization, const Sources& sources) {
    constexpr std::string_view kBearer = "Bearer ";
    if (!authorization.starts_with(kBearer)) return Access::none;
    const auto shown = authorization.substr(kBearer.size());
    if (!sources.token.empty() && is_same(shown, sources.token)) return Access::change;
    return !sources.read_token.empty() && is_same(shown, sources.read_token) ? Access::read : Access::none;
}

std::optional<HttpReply> change_refusal(const HttpRequest& request, const Sources& sources) {
    if (request.access == Access::change) return std::nullopt;
    if (sources.token.empty() && !sources.has_certificates) return problem(403, "Forbidden", "nothing can be changed over HTTP until admin.token_file is set; the console can");
    if (request.access == Access::read) return problem(403, "Forbidden", "this token or certificate may only read");
    return problem(401, "Unauthorized", "the header \"Authorization: Bearer <token>\" with the token of admin.token_file is missing or wrong");
}

}  // namespace larder::admin
