#include "rules/key_values.h"

#include <algorithm>
#include <charconv>

namespace larder::rules {

namespace {

// pg_type.h
constexpr Oid kBool = 16, kInt8 = 20, kInt2 = 21, kInt4 = 23, kText = 25, kVarchar = 1043, kUuid = 2950;

bool is_ascii(Bytes text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string encode(std::int64_t value) {
    std::string out(sizeof value, '\0');
    std::memcpy(out.data(), &value, sizeof value);
    return out;
}

// As PostgreSQL writes integers, and nothing else that it reads.
std::optional<std::int64_t> integer_of(Bytes text) {
    const Bytes digits = text.starts_with('-') ? text.substr(1) : text;
    if (digits.empty() || (digits.front() == '0' && text != "0")) return std::nullopt;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<std::string> uuid_of(Bytes text) {
    constexpr std::size_t kTextBytes = 36;
    if (text.size() != kTextBytes) return std::nullopt;
    std::string out;
    for (std::size_t i = 0; i < kTextBytes; ++i) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-') return std::nullopt;
            continue;
        }
        unsigned digit = 0;
        const auto [end, error] = std::from_chars(text.data() + i, text.data() + i + 1, digit, 16);
        if (error != std::errc{} || end != text.data() + i + 1) return std::nullopt;
        out.push_back("0123456789abcdef"[digit]);
    }
    return out;
}

std::optional<std::string> boolean_of(Bytes text) {
    if (text == "t" || text == "true") return "t";
    if (text == "f" || text == "false") return "f";
    return std::nullopt;
}

// A value in text form, whether a literal or a parameter.
std::optional<std::string> value_of(Bytes text, const KeyPart& part) {
    switch (part.type) {
        case KeyType::integer:
            if (const auto value = integer_of(text)) return encode(*value);
            return std::nullopt;
        case KeyType::boolean: return boolean_of(text);
        case KeyType::uuid: return uuid_of(text);
        case KeyType::text:
            if (!part.is_any_text && !is_ascii(text)) return std::nullopt;
            if (part.bytes_max >= 0 && text.size() > static_cast<std::size_t>(part.bytes_max)) return std::nullopt;
            return std::string(text);
        case KeyType::none: break;
    }
    return std::nullopt;
}

std::optional<std::int64_t> binary_integer_of(Bytes value) {
    switch (value.size()) {
        case 2: return static_cast<std::int16_t>(load_be16(value.data()));
        case 4: return static_cast<std::int32_t>(load_be32(value.data()));
        case 8: return static_cast<std::int64_t>(static_cast<std::uint64_t>(load_be32(value.data())) << 32 | load_be32(value.data() + 4));
        default: return std::nullopt;
    }
}

std::optional<std::string> binary_value_of(Bytes value, const KeyPart& part) {
    switch (part.type) {
        case KeyType::integer:
            if (const auto number = binary_integer_of(value)) return encode(*number);
            return std::nullopt;
        case KeyType::boolean:
            if (value.size() != 1) return std::nullopt;
            return value.front() != '\0' ? "t" : "f";
        case KeyType::uuid: {
            constexpr std::size_t kBinaryBytes = 16;
            if (value.size() != kBinaryBytes) return std::nullopt;
            std::string out;
            for (const char c : value) {
                out.push_back("0123456789abcdef"[static_cast<unsigned char>(c) >> 4]);
                out.push_back("0123456789abcdef"[static_cast<unsigned char>(c) & 15]);
            }
            return out;
        }
        case KeyType::text: return value_of(value, part);
        case KeyType::none: break;
    }
    return std::nullopt;
}

// The parameter is of the column's own type, or of one that compares with it by value.
bool is_of_type(const Parameter& parameter, const KeyPart& part) {
    return parameter.type == 0 ? part.takes_column_type : key_type(parameter.type) == part.type;
}

bool append_bytes(std::string& out, Bytes value) {
    const auto size = static_cast<std::uint32_t>(value.size());
    char length[sizeof size];
    std::memcpy(length, &size, sizeof size);
    out.append(length, sizeof length).append(value);
    return true;
}

}  // namespace

KeyType key_type(Oid type) {
    switch (type) {
        case kInt2:
        case kInt4:
        case kInt8: return KeyType::integer;
        case kBool: return KeyType::boolean;
        case kUuid: return KeyType::uuid;
        case kText:
        case kVarchar: return KeyType::text;
        default: return KeyType::none;
    }
}

// By its name in pg_catalog.
static KeyType key_type(std::string_view name) {
    if (name == "int2" || name == "int4" || name == "int8") return KeyType::integer;
    if (name == "bool") return KeyType::boolean;
    if (name == "uuid") return KeyType::uuid;
    return name == "text" || name == "varchar" ? KeyType::text : KeyType::none;
}

std::optional<KeyPart> key_part(const sql::Value& value, KeyType type, int bytes_max, bool is_stored, const sql::Facts& facts, const ValueScope& scope) {
    KeyPart part;
    part.type = type;
    part.is_any_text = scope.is_same_encoding;
    if (is_stored) part.bytes_max = bytes_max;
    if (type == KeyType::none) return std::nullopt;
    // A cast to the column's own kind of type leaves the value what it is, and gives an undeclared parameter a type like it.
    if (!value.cast.empty() && (key_type(value.cast) != type || !(value.is_catalog_type || scope.is_catalog_first))) return std::nullopt;
    std::optional<std::string> bytes;
    switch (value.kind) {
        case sql::Value::Kind::parameter:
            part.parameter = static_cast<int>(value.integer);
            part.takes_column_type = facts.stands_once(value.integer);
            return part;
        case sql::Value::Kind::integer:
            if (type == KeyType::integer) bytes = encode(value.integer);
            break;
        case sql::Value::Kind::boolean:
            if (type == KeyType::boolean) bytes = value.integer != 0 ? "t" : "f";
            break;
        case sql::Value::Kind::string:
            part.is_any_text = scope.is_same_encoding && scope.is_utf8;
            bytes = value_of(value.text, part);
            break;
        case sql::Value::Kind::null: break;
    }
    if (!bytes) return std::nullopt;
    part.bytes = std::move(*bytes);
    return part;
}

bool append_value(std::string& out, const KeyPart& part, const std::vector<Parameter>& parameters) {
    if (part.parameter == 0) return append_bytes(out, part.bytes);
    const auto index = static_cast<std::size_t>(part.parameter) - 1;
    if (index >= parameters.size() || !parameters[index].value || !is_of_type(parameters[index], part)) return false;
    const auto& parameter = parameters[index];
    const auto bytes = parameter.is_binary ? binary_value_of(*parameter.value, part) : value_of(*parameter.value, part);
    return bytes && append_bytes(out, *bytes);
}

}  // namespace larder::rules
