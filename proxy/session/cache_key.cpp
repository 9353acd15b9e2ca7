#include "proxy/session/cache_key.h"

namespace larder::session {

namespace {

template <class Integer>
void append_integer(std::string& out, Integer value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    out.append(raw, sizeof raw);
}

void append_prefixed(std::string& out, Bytes bytes) {
    append_integer(out, static_cast<std::uint32_t>(bytes.size()));
    out.append(bytes);
}

bool is_all_text(const protocol::FormatCodes& formats) {
    for (std::size_t i = 0; i < formats.size(); ++i) {
        if (formats[i] != 0) return false;
    }
    return true;
}

void append_formats(std::string& out, const protocol::FormatCodes& formats) {
    append_prefixed(out, is_all_text(formats) ? Bytes{} : formats.raw());
}

void begin_key(std::string& out, std::uint64_t env_id, Bytes text) {
    out.clear();
    append_integer(out, env_id);
    append_prefixed(out, text);
}

}  // namespace

void make_key(std::string& out, std::uint64_t env_id, Bytes text) {
    begin_key(out, env_id, text);
    for (int empty_part = 0; empty_part < 4; ++empty_part) append_prefixed(out, {});
}

void make_key(std::string& out, std::uint64_t env_id, Bytes text, Bytes parameter_types, const protocol::Bind& bind) {
    begin_key(out, env_id, text);
    append_prefixed(out, parameter_types);
    append_formats(out, bind.formats);
    append_prefixed(out, bind.values.raw());
    append_formats(out, bind.result_formats);
}

}  // namespace larder::session
