// A part of a long list: ?limit=&offset=. Lists are sorted before they are cut, so that pages of a list that does not change fit together.
// Threads: any.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "admin/http_request.h"

namespace larder::admin {

inline constexpr std::size_t kPageDefault = 100, kPageMax = 1000, kPageOffsetMax = 1'000'000'000;

struct Page {
    std::size_t limit = kPageDefault, offset = 0;

    template <class Row>
    std::vector<Row> of(const std::vector<Row>& rows) const {
        const auto first = std::min(offset, rows.size()), last = first + std::min(limit, rows.size() - first);
        return {rows.begin() + static_cast<std::ptrdiff_t>(first), rows.begin() + static_cast<std::ptrdiff_t>(last)};
    }
};

// Reads limit and offset; all other parameters must be among `others`. Else nothing, and `refused` is the answer (400).
std::optional<Page> page_of(const HttpRequest& request, const std::vector<std::string_view>& others, HttpReply& refused);

// -1 for what is no whole number from 0 on.
long whole_number(std::string_view text);

}  // namespace larder::admin
