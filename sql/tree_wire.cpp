#include "sql/tree_wire.h"

#include <cctype>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

// libpg_query carries protobuf-c and a description of every node type within itself. Debian packages protobuf-c's header apart,
// for another version; so the few structs that are read are declared here, as protobuf-c's ABI fixed them, and each one read is
// checked by its magic number.
extern "C" {
struct WireField {
    const char* name;
    std::uint32_t id;
    int label;  // 0 required, 1 optional, 2 repeated, 3 none
    int type;
    unsigned quantifier_offset, offset;
    const void* descriptor;  // of the message or the enum
    const void* default_value;
    std::uint32_t flags;
    unsigned reserved_flags;
    void *reserved2, *reserved3;
};
struct WireMessage {
    std::uint32_t magic;
    const char *name, *short_name, *c_name, *package_name;
    std::size_t size;
    unsigned field_count;
    const WireField* fields;
};
struct WireEnumValue {
    const char *name, *c_name;
    int value;
};
struct WireEnum {
    std::uint32_t magic;
    const char *name, *short_name, *c_name, *package_name;
    unsigned value_count;
    const WireEnumValue* values;
};
extern const WireMessage pg_query__parse_result__descriptor;
}

namespace larder::sql {

namespace json = boost::json;

namespace {

constexpr std::uint32_t kMessageMagic = 0x28aaeef9;
constexpr std::uint32_t kEnumMagic = 0x114315af;
constexpr int kRepeated = 2;
// protobuf-c's numbers of the types that occur in libpg_query's nodes.
constexpr int kInt32 = 0, kInt64 = 3, kUint32 = 6, kUint64 = 8, kBool = 12, kEnum = 13, kString = 14, kMessage = 16;

void put_varint(std::string& out, std::uint64_t value) {
    while (value >= 0x80) {
        out.push_back(static_cast<char>((value & 0x7f) | 0x80));
        value >>= 7;
    }
    out.push_back(static_cast<char>(value));
}

// "targetList", "target_list" and "TargetList" are one name: JSON and description write it differently.
bool same_name(std::string_view one, std::string_view other) {
    std::size_t i = 0, j = 0;
    for (;;) {
        while (i < one.size() && one[i] == '_') ++i;
        while (j < other.size() && other[j] == '_') ++j;
        if (i == one.size() || j == other.size()) return i == one.size() && j == other.size();
        if (std::tolower(static_cast<unsigned char>(one[i++])) != std::tolower(static_cast<unsigned char>(other[j++]))) return false;
    }
}

class Writer {
public:
    // One message's bytes without its length; recursion is as deep as the tree, which parse_tree limits.
    bool message(std::string& out, const WireMessage& description, const json::value& value) {
        if (description.magic != kMessageMagic || !value.is_object()) return false;
        for (const auto& [name, member] : value.get_object()) {
            const WireField* field = find(description, {name.data(), name.size()});
            if (!field || !this->field(out, *field, member)) return false;
        }
        return true;
    }

private:
    static const WireField* find(const WireMessage& description, std::string_view name) {
        for (const WireField& field : std::span(description.fields, description.field_count)) {
            if (same_name(field.name, name)) return &field;
        }
        return nullptr;
    }

    bool field(std::string& out, const WireField& field, const json::value& value) {
        if (field.label != kRepeated) return one(out, field, value);
        if (!value.is_array()) return false;
        for (const json::value& item : value.get_array()) {
            if (!one(out, field, item)) return false;
        }
        return true;
    }

    bool one(std::string& out, const WireField& field, const json::value& value) {
        switch (field.type) {
            case kString: return string(out, field, value);
            case kMessage: return nested(out, field, value);
            case kEnum: return enumeration(out, field, value);
            case kInt32: case kInt64: case kUint32: case kUint64: case kBool: return number(out, field, value);
            default: return false;
        }
    }

    static bool number(std::string& out, const WireField& field, const json::value& value) {
        std::uint64_t bits = 0;
        if (value.is_bool()) bits = value.get_bool() ? 1 : 0;
        else if (value.is_int64()) bits = static_cast<std::uint64_t>(value.get_int64());
        else if (value.is_uint64()) bits = value.get_uint64();
        else return false;
        put_varint(out, std::uint64_t{field.id} << 3);
        put_varint(out, bits);
        return true;
    }

    static bool string(std::string& out, const WireField& field, const json::value& value) {
        if (!value.is_string()) return false;
        const auto& text = value.get_string();
        put_varint(out, (std::uint64_t{field.id} << 3) | 2);
        put_varint(out, text.size());
        out.append(text.data(), text.size());
        return true;
    }

    bool nested(std::string& out, const WireField& field, const json::value& value) {
        std::string inner;
        if (!message(inner, *static_cast<const WireMessage*>(field.descriptor), value)) return false;
        put_varint(out, (std::uint64_t{field.id} << 3) | 2);
        put_varint(out, inner.size());
        out += inner;
        return true;
    }

    static bool enumeration(std::string& out, const WireField& field, const json::value& value) {
        const auto& description = *static_cast<const WireEnum*>(field.descriptor);
        if (description.magic != kEnumMagic || !value.is_string()) return false;
        for (const WireEnumValue& known : std::span(description.values, description.value_count)) {
            if (value.get_string() != known.name) continue;
            put_varint(out, std::uint64_t{field.id} << 3);
            put_varint(out, static_cast<std::uint64_t>(known.value));
            return true;
        }
        return false;
    }
};

}  // namespace

std::optional<std::string> tree_wire(const json::value& root) {
    std::string out;
    if (!Writer().message(out, pg_query__parse_result__descriptor, root)) return std::nullopt;
    return out;
}

}  // namespace larder::sql
