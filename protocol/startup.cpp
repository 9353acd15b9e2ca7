#include "protocol/startup.h"

#include "protocol/byte_reader.h"
#include "protocol/byte_writer.h"

namespace larder::protocol {

namespace {

// A packet that is nothing but its code.
template <class Packet>
Decoded<Packet> decode_code_only(Bytes body, std::uint32_t code) {
    ByteReader in(body);
    if (in.u32() != code) in.fail(DecodeError::bad_value);
    return in.finish(Packet{});
}

// Walks the pairs by PostgreSQL's rule: an empty name ends the list, and must be the last byte.
std::optional<Bytes> checked_parameters(Bytes raw) {
    std::size_t at = 0;
    while (at < raw.size() && raw[at] != '\0') {
        const std::size_t name_end = raw.find('\0', at);
        if (name_end == Bytes::npos) return std::nullopt;
        const std::size_t value_end = raw.find('\0', name_end + 1);
        if (value_end == Bytes::npos) return std::nullopt;
        at = value_end + 1;
    }
    if (at + 1 != raw.size()) return std::nullopt;
    return raw.substr(0, at);
}

}  // namespace

StartupKind startup_kind(Bytes body) {
    if (body.size() < 4) return StartupKind::startup;
    switch (load_be32(body.data())) {
        case kSslRequestCode: return StartupKind::ssl_request;
        case kGssEncRequestCode: return StartupKind::gssenc_request;
        case kCancelRequestCode: return StartupKind::cancel_request;
        default: return StartupKind::startup;
    }
}

std::optional<Bytes> StartupParameters::find(Bytes name) const {
    std::optional<Bytes> found;
    for (const auto [candidate, value] : *this) {
        if (candidate == name) found = value;
    }
    return found;
}

Decoded<StartupMessage> StartupMessage::decode(Bytes body) {
    ByteReader in(body);
    StartupMessage message;
    message.major = in.u16();
    message.minor = in.u16();
    if (in.failed()) return DecodeError::truncated;
    // Another major version has a layout that we do not know; it is refused for its number, not for its layout.
    if (message.major != 3) return message;
    const auto parameters = checked_parameters(in.rest());
    if (!parameters) return DecodeError::bad_startup_layout;
    message.parameters = StartupParameters{*parameters};
    return message;
}

void StartupMessage::append_to(std::string& out) const {
    MessageWriter writer(out);
    writer.u16(major).u16(minor).bytes(parameters.raw()).byte('\0');
}

Bytes StartupMessage::database() const {
    const auto named = parameters.find("database");
    return named && !named->empty() ? *named : user();
}

StartupParametersBuilder& StartupParametersBuilder::add(Bytes name, Bytes value) {
    LARDER_ASSERT(!name.empty());  // it would end the list
    ByteWriter(raw_).cstring(name).cstring(value);
    return *this;
}

void StartupParametersBuilder::append_message_to(std::string& out, std::uint16_t minor) const {
    StartupMessage message;
    message.minor = minor;
    message.parameters = parameters();
    message.append_to(out);
}

Decoded<SslRequest> SslRequest::decode(Bytes body) { return decode_code_only<SslRequest>(body, kSslRequestCode); }

void SslRequest::append_to(std::string& out) { MessageWriter(out).u32(kSslRequestCode); }

Decoded<GssEncRequest> GssEncRequest::decode(Bytes body) { return decode_code_only<GssEncRequest>(body, kGssEncRequestCode); }

void GssEncRequest::append_to(std::string& out) { MessageWriter(out).u32(kGssEncRequestCode); }

Decoded<CancelRequest> CancelRequest::decode(Bytes body) {
    ByteReader in(body);
    if (in.u32() != kCancelRequestCode) in.fail(DecodeError::bad_value);
    CancelRequest request;
    request.pid = in.i32();
    request.secret = in.rest();
    if (request.secret.size() < kCancelKeyBytesMin || request.secret.size() > kCancelKeyBytesMax) in.fail(DecodeError::bad_key_length);
    return in.finish(request);
}

void CancelRequest::append_to(std::string& out) const {
    MessageWriter writer(out);
    writer.u32(kCancelRequestCode).i32(pid).bytes(secret);
}

}  // namespace larder::protocol
