#include "proxy/session/cache_key.h"

#include <cstring>

namespace larder::session {

namespace {

bool is_all_text(const protocol::FormatCodes& formats) {
    for (std::size_t i = 0; i < formats.size(); ++i) {
        if (formats[i] != 0) return false;
    }
    return true;
}

Bytes formats_of(const protocol::FormatCodes& formats) { return is_all_text(formats) ? Bytes{} : formats.raw(); }

constexpr std::size_t kParts = 5;
using Length = std::uint32_t;

// The environment, then each part behind its length. Sized once and filled with plain copies: this runs for every lookup.
void assemble(std::string& out, std::uint64_t env_id, const Bytes (&parts)[kParts]) {
    std::size_t size = sizeof env_id + kParts * sizeof(Length);
    for (const Bytes part : parts) size += part.size();
    out.resize(size);
    char* at = out.data();
    std::memcpy(at, &env_id, sizeof env_id);
    at += sizeof env_id;
    for (const Bytes part : parts) {
        const auto length = static_cast<Length>(part.size());
        std::memcpy(at, &length, sizeof length);
        at += sizeof length;
        if (part.empty()) continue;
        std::memcpy(at, part.data(), part.size());
        at += part.size();
    }
}

}  // namespace

void make_key(std::string& out, std::uint64_t env_id, Bytes text) { assemble(out, env_id, {text, {}, {}, {}, {}}); }

void make_key(std::string& out, std::uint64_t env_id, Bytes text, Bytes parameter_types, const protocol::Bind& bind) {
    assemble(out, env_id, {text, parameter_types, formats_of(bind.formats), bind.values.raw(), formats_of(bind.result_formats)});
}

std::optional<KeyParts> split_key(Bytes key) {
    KeyParts parts;
    if (key.size() < sizeof parts.env_id) return std::nullopt;
    std::memcpy(&parts.env_id, key.data(), sizeof parts.env_id);
    key.remove_prefix(sizeof parts.env_id);
    for (Bytes* part : {&parts.text, &parts.parameter_types, &parts.formats, &parts.values, &parts.result_formats}) {
        Length length = 0;
        if (key.size() < sizeof length) return std::nullopt;
        std::memcpy(&length, key.data(), sizeof length);
        key.remove_prefix(sizeof length);
        if (key.size() < length) return std::nullopt;
        *part = key.substr(0, length);
        key.remove_prefix(length);
    }
    return key.empty() ? std::optional(parts) : std::nullopt;
}

}  // namespace larder::session
