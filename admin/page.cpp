#include "admin/page.h"

#include <algorithm>
#include <charconv>

namespace larder::admin {

long whole_number(std::string_view text) {
    long value = -1;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
    return end.ec == std::errc() && end.ptr == text.data() + text.size() && value >= 0 ? value : -1;
}

std::optional<Page> page_of(const HttpRequest& request, const std::vector<std::string_view>& others, HttpReply& refused) {
    Page page;
    for (const auto& [name, value] : parameters_of(request.query)) {
        if (std::find(others.begin(), others.end(), name) != others.end()) continue;
        const long given = whole_number(value);
        const bool is_limit = name == "limit";
        if (!is_limit && name != "offset") {
            std::string known = "limit, offset";
            for (const auto other : others) known += ", " + std::string(other);
            refused = problem(400, "Bad parameter", "the parameters are " + known);
            return std::nullopt;
        }
        if (given < (is_limit ? 1 : 0) || given > static_cast<long>(is_limit ? kPageMax : kPageOffsetMax)) {
            refused = problem(400, "Bad parameter", "limit is from 1 to 1000, and offset from 0");
            return std::nullopt;
        }
        (is_limit ? page.limit : page.offset) = static_cast<std::size_t>(given);
    }
    return page;
}

}  // namespace larder::admin
