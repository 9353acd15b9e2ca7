#include "sql/tree.h"

#include <cctype>
#include <charconv>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "sql/analyse.h"
#include "sql/tree_depth.h"
#include "sql/tree_wire.h"

#include "sql/pg_nodes.h"

namespace larder::sql {

namespace json = boost::json;

namespace {

// A node of the tree is up to three levels of JSON, and a list another one.
constexpr std::size_t kJsonDepthMax = 4 * kTreeDepthMax;

// What PostgreSQL says of a text that it cannot parse, or why the text is not given to the parser at all.
std::string parse_error(const std::string& text) {
    const PgQueryParseResult result = pg_query_parse(text.c_str());
    std::string why = result.error ? result.error->message : "the statement is nested too deeply";
    pg_query_free_parse_result(result);
    return why;
}

// libpg_query's JSON leaves a negative integer out as it does 0. The constant's location is where its minus sign stands, so the
// number is read there. False: something else stands there.
bool restore_negative(json::object& constant, const std::string& text) {
    const auto* integer = constant.if_contains("ival");
    if (!integer || !integer->is_object() || !integer->get_object().empty()) return true;
    const auto* location = constant.if_contains("location");
    std::size_t at = location && location->is_int64() ? static_cast<std::size_t>(location->get_int64()) : 0;
    if (at >= text.size() || text[at] != '-') return true;  // a plain 0
    do ++at; while (at < text.size() && std::isspace(static_cast<unsigned char>(text[at])));
    int value = 0;
    const auto end = std::from_chars(text.data() + at, text.data() + text.size(), value);
    if (end.ec != std::errc()) return false;
    constant["ival"].as_object()["ival"] = -value;
    return true;
}

// The bound of an array type that has none is -1, and left out as well.
void restore_bounds(json::array& bounds) {
    for (auto& bound : bounds) {
        auto* integer = bound.is_object() && bound.get_object().contains("Integer") ? bound.get_object()["Integer"].if_object() : nullptr;
        if (integer && integer->empty()) (*integer)["ival"] = -1;
    }
}

bool restore_negatives(json::value& node, const std::string& text) {
    if (node.is_array()) {
        for (auto& item : node.get_array()) {
            if (!restore_negatives(item, text)) return false;
        }
    } else if (node.is_object()) {
        for (auto& [name, member] : node.get_object()) {
            if (name == "arrayBounds" && member.is_array()) restore_bounds(member.get_array());
            if (name == "A_Const" && member.is_object() && !restore_negative(member.get_object(), text)) return false;
            if (!restore_negatives(member, text)) return false;
        }
    }
    return true;
}

// "" if the text may be given to the parser.
std::string why_not_parsed(Bytes text, std::size_t bytes_max) {
    if (text.size() > bytes_max) return "the text is longer than " + std::to_string(bytes_max) + " bytes";
    return text.find('\0') != Bytes::npos ? "the text holds a zero byte" : "";
}

Tree tree_of(const std::string& terminated) {
    const PgQueryParseResult result = pg_query_parse(terminated.c_str());
    Tree tree;
    if (result.error) {
        tree.why_not = result.error->message;
    } else {
        json::parse_options options;
        options.max_depth = kJsonDepthMax;
        boost::system::error_code failed;
        tree.root = json::parse(result.parse_tree, failed, {}, options);
        if (failed) tree = {{}, "its tree cannot be read: " + failed.message()};
        else if (!restore_negatives(tree.root, terminated)) tree = {{}, "a negative number in it cannot be read"};
    }
    pg_query_free_parse_result(result);
    return tree;
}

}  // namespace

Tree parse_tree(Bytes text) {
    if (auto why_not = why_not_parsed(text, kParsedTextBytesMax); !why_not.empty()) return {{}, std::move(why_not)};
    const std::string terminated(text);
    if (is_shallow(terminated)) return tree_of(terminated);
    if (!analyse(text).parsed) return {{}, parse_error(terminated)};
    return {{}, "the statement is of a kind that is not looked into, or nested too deeply"};
}

Tree parse_short_tree(Bytes text) {
    if (auto why_not = why_not_parsed(text, kShortTextBytesMax); !why_not.empty()) return {{}, std::move(why_not)};
    return tree_of(std::string(text));
}

std::string deparse_tree(const json::value& root) {
    auto wire = tree_wire(root);
    if (!wire) return {};
    PgQueryProtobuf bytes{};
    bytes.len = wire->size();
    bytes.data = wire->data();
    const PgQueryDeparseResult result = pg_query_deparse_protobuf(bytes);
    std::string text = result.error || !result.query ? std::string() : result.query;
    pg_query_free_deparse_result(result);
    return text;
}

}  // namespace larder::sql
