#include "admin/json_text.h"

#include <charconv>
#include <cmath>

#include <boost/json/serialize.hpp>

#include "base/log.h"

namespace larder::admin {
namespace {

namespace json = boost::json;

// Where the shortest plain form would be longer than one with an exponent.
constexpr double kPlainMin = 1e-7, kPlainMax = 1e15;

void append(std::string& out, double number) {
    if (!std::isfinite(number)) {
        out += "null";
        return;
    }
    const double size = std::fabs(number);
    const bool is_plain = size == 0 || (size >= kPlainMin && size < kPlainMax);
    char text[64];
    const auto end = std::to_chars(text, text + sizeof text, number, is_plain ? std::chars_format::fixed : std::chars_format::scientific);
    out.append(text, end.ptr);
}

void append(std::string& out, std::string_view text) { out += "\"" + json_escaped(text) + "\""; }

void append(std::string& out, const json::value& value);

void append(std::string& out, const json::array& array) {
    out += '[';
    for (std::size_t i = 0; i < array.size(); ++i) {
        if (i > 0) out += ',';
        append(out, array[i]);
    }
    out += ']';
}

void append(std::string& out, const json::object& object) {
    out += '{';
    bool is_first = true;
    for (const auto& [name, value] : object) {
        if (!std::exchange(is_first, false)) out += ',';
        append(out, std::string_view(name.data(), name.size()));
        out += ':';
        append(out, value);
    }
    out += '}';
}

void append(std::string& out, const json::value& value) {
    if (const auto* object = value.if_object()) return append(out, *object);
    if (const auto* array = value.if_array()) return append(out, *array);
    if (const auto* text = value.if_string()) return append(out, std::string_view(text->data(), text->size()));
    if (const auto* number = value.if_double()) return append(out, *number);
    out += json::serialize(value);  // whole numbers, true, false, null
}

}  // namespace

std::string json_text(const json::value& value) {
    std::string out;
    append(out, value);
    return out;
}

}  // namespace larder::admin
