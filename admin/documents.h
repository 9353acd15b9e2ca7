// What the documents of /api/v1 have in common.
// Threads: any.
#pragma once

#include <string>

#include <boost/json.hpp>

#include "admin/json_text.h"
#include "admin/page.h"
#include "admin/routes.h"

namespace larder::admin {

namespace json = boost::json;

inline HttpReply document(const json::object& object, int status = 200) { return {status, "application/json", json_text(object) + "\n"}; }

inline json::value text_or_null(const std::string& text) { return text.empty() ? json::value(nullptr) : json::value(text); }
inline double seconds(std::uint64_t us) { return static_cast<double>(us) / 1e6; }

// One object with one array: a document can grow other members without breaking who reads it.
template <class Rows, class Object>
json::object list_object(const char* name, const Rows& rows, Object object) {
    json::array all;
    for (const auto& row : rows) all.push_back(object(row));
    return {{name, std::move(all)}};
}

// The rows of one page, and how many there are in all.
template <class Row, class Object>
HttpReply paged_document(const char* name, const std::vector<Row>& rows, const Page& page, Object object) {
    auto out = list_object(name, page.of(rows), object);
    out["total"] = rows.size(), out["offset"] = page.offset, out["limit"] = page.limit;
    return document(out);
}

json::object cache_object(const Snapshot& snapshot);  // api.cpp

}  // namespace larder::admin
