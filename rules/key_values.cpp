#include "rules/key_values.h"

#include <algorithm>
#include <charconv>

namespace larder::rules {

namespace {

// pg_type.h
constexpr Oid kBoolArray = 1000, kInt2Array = 1005, kInt4Array = 1007, kTextArray = 1009, kVarcharArray = 1015, kInt8Array = 1016,
              kUuidArray = 2951;
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
            part.is_array = value.is_array;
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
    if (part.is_array) return false;
    const auto index = static_cast<std::size_t>(part.parameter) - 1;
    if (index >= parameters.size() || !parameters[index].value || !is_of_type(parameters[index], part)) return false;
    const auto& parameter = parameters[index];
    const auto bytes = parameter.is_binary ? binary_value_of(*parameter.value, part) : value_of(*parameter.value, part);
    return bytes && append_bytes(out, *bytes);
}

// By the type's OID, of an array its elements'.
static Oid element_type(Oid array) {
    switch (array) {
        case kBoolArray: return kBool;
        case kInt2Array: return kInt2;
        case kInt4Array: return kInt4;
        case kInt8Array: return kInt8;
        case kTextArray: return kText;
        case kVarcharArray: return kVarchar;
        case kUuidArray: return kUuid;
        default: return 0;
    }
}

// The elements of an array of one dimension as array_out() writes it: {1,NULL,"a b"}. Anything else that array_in() reads is not known.
static std::optional<std::vector<std::optional<std::string>>> text_elements(Bytes text, std::size_t elements_max) {
    if (text.size() < 2 || text.front() != '{' || text.back() != '}') return std::nullopt;
    std::vector<std::optional<std::string>> elements;
    Bytes rest = text.substr(1, text.size() - 2);
    if (rest.empty()) return elements;
    for (;;) {
        if (elements.size() == elements_max) return std::nullopt;
        auto& element = elements.emplace_back(std::in_place);
        std::size_t at = 0;
        if (rest.starts_with('"')) {
            for (at = 1; at < rest.size() && rest[at] != '"'; ++at) {
                if (rest[at] == '\\' && ++at == rest.size()) return std::nullopt;
                element->push_back(rest[at]);
            }
            if (at++ >= rest.size()) return std::nullopt;
        } else {
            constexpr Bytes kSpecial = ",{}\"\\ \t\n\r\v\f";
            while (at < rest.size() && kSpecial.find(rest[at]) == Bytes::npos) element->push_back(rest[at++]);
            if (at == 0) return std::nullopt;
            const auto is_letter = [&](std::size_t i, char letter) { return (rest[i] | 0x20) == letter; };
            if (at == 4 && is_letter(0, 'n') && is_letter(1, 'u') && is_letter(2, 'l') && is_letter(3, 'l')) element.reset();
        }
        if (at == rest.size()) return elements;
        if (rest[at] != ',') return std::nullopt;
        rest.remove_prefix(at + 1);
    }
}

static std::optional<std::vector<std::optional<std::string>>> binary_elements(Bytes value, KeyType type, std::size_t elements_max) {
    // Dimensions, whether there are NULLs, the elements' type; of each dimension its size and lower bound.
    constexpr std::size_t kHeaderBytes = 12, kDimensionBytes = 8;
    if (value.size() < kHeaderBytes || key_type(load_be32(value.data() + 8)) != type) return std::nullopt;
    const auto dimensions = load_be32(value.data());
    std::vector<std::optional<std::string>> elements;
    if (dimensions == 0) return value.size() == kHeaderBytes ? std::optional(elements) : std::nullopt;
    if (dimensions != 1 || value.size() < kHeaderBytes + kDimensionBytes) return std::nullopt;
    const std::size_t count = load_be32(value.data() + kHeaderBytes);
    if (count > elements_max) return std::nullopt;
    Bytes rest = value.substr(kHeaderBytes + kDimensionBytes);
    for (std::size_t i = 0; i < count; ++i) {
        constexpr std::uint32_t kNull = 0xFFFFFFFF;
        if (rest.size() < 4) return std::nullopt;
        const std::uint32_t size = load_be32(rest.data());
        rest.remove_prefix(4);
        if (size == kNull) {
            elements.emplace_back();
            continue;
        }
        if (rest.size() < size) return std::nullopt;
        elements.emplace_back(rest.substr(0, size));
        rest.remove_prefix(size);
    }
    return rest.empty() ? std::optional(std::move(elements)) : std::nullopt;
}

std::optional<std::vector<std::string>> array_elements(const KeyPart& part, const std::vector<Parameter>& parameters,
                                                       std::size_t elements_max) {
    const auto index = static_cast<std::size_t>(part.parameter) - 1;
    if (!part.is_array || index >= parameters.size() || !parameters[index].value) return std::nullopt;
    const auto& parameter = parameters[index];
    const bool is_right = parameter.type == 0 ? part.takes_column_type : key_type(element_type(parameter.type)) == part.type;
    if (!is_right) return std::nullopt;
    const auto elements =
        parameter.is_binary ? binary_elements(*parameter.value, part.type, elements_max) : text_elements(*parameter.value, elements_max);
    if (!elements) return std::nullopt;
    std::vector<std::string> found;
    for (const auto& element : *elements) {
        if (!element) continue;
        const auto bytes = parameter.is_binary ? binary_value_of(*element, part) : value_of(*element, part);
        if (!bytes) return std::nullopt;
        append_bytes(found.emplace_back(), *bytes);
    }
    return found;
}

}  // namespace larder::rules
