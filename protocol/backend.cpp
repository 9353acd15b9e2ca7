#include "protocol/backend.h"

#include <algorithm>
#include <charconv>

#include "protocol/byte_reader.h"
#include "protocol/byte_writer.h"

namespace larder::protocol {

namespace {

constexpr Bytes kReadyIdle{"Z\0\0\0\5I", 6};
constexpr Bytes kReadyInBlock{"Z\0\0\0\5T", 6};
constexpr Bytes kReadyFailed{"Z\0\0\0\5E", 6};
constexpr Bytes kInternalError = "XX000";

bool is_sqlstate(Bytes code) {
    return code.size() == 5 && std::all_of(code.begin(), code.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

}  // namespace

Decoded<ReadyForQuery> ReadyForQuery::decode(Bytes body) {
    ByteReader in(body);
    const char status = in.byte();
    if (status != 'I' && status != 'T' && status != 'E') in.fail(DecodeError::bad_value);
    return in.finish(ReadyForQuery{static_cast<TransactionStatus>(status)});
}

void ReadyForQuery::append_to(std::string& out) const { out.append(ready_for_query(status)); }

Bytes ready_for_query(char status) {
    switch (status) {
        case 'I': return kReadyIdle;
        case 'T': return kReadyInBlock;
        case 'E': return kReadyFailed;
        default: LARDER_ASSERT(status == 'I' || status == 'T' || status == 'E'); return {};
    }
}

Decoded<BackendKeyData> BackendKeyData::decode(Bytes body) {
    ByteReader in(body);
    BackendKeyData message;
    message.pid = in.i32();
    message.secret = in.rest();
    if (message.secret.size() < kCancelKeyBytesMin || message.secret.size() > kCancelKeyBytesMax) in.fail(DecodeError::bad_key_length);
    return in.finish(message);
}

void BackendKeyData::append_to(std::string& out) const { MessageWriter(out, kType).i32(pid).bytes(secret); }

Decoded<ParameterStatus> ParameterStatus::decode(Bytes body) {
    ByteReader in(body);
    const Bytes name = in.cstring();
    const Bytes value = in.cstring();
    return in.finish(ParameterStatus{name, value});
}

void ParameterStatus::append_to(std::string& out) const { MessageWriter(out, kType).cstring(name).cstring(value); }

Decoded<CommandComplete> CommandComplete::decode(Bytes body) {
    ByteReader in(body);
    const Bytes tag = in.cstring();
    return in.finish(CommandComplete{tag});
}

void CommandComplete::append_to(std::string& out) const { MessageWriter(out, kType).cstring(tag); }

std::optional<std::uint64_t> CommandComplete::rows() const {
    const std::size_t space = tag.rfind(' ');
    if (space == Bytes::npos) return std::nullopt;
    const Bytes digits = tag.substr(space + 1);
    std::uint64_t rows = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), rows);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return rows;
}

Decoded<ErrorResponse> ErrorResponse::decode(Bytes body) {
    ByteReader in(body);
    const char* const start = in.at();
    Bytes fields;
    // An empty list is accepted: a server that says nothing has still said that it failed.
    while (true) {
        fields = in.since(start);
        if (in.byte() == '\0') break;  // also when the body is at its end, which makes the reader fail
        in.cstring();
    }
    return in.finish(ErrorResponse{fields});
}

void ErrorResponse::append_to(std::string& out, char type) const { MessageWriter(out, type).bytes(fields).byte('\0'); }

std::optional<Bytes> ErrorResponse::field(char code) const {
    ByteReader in(fields);
    while (in.left() > 0) {
        const char candidate = in.byte();
        const Bytes value = in.cstring();
        if (in.failed()) return std::nullopt;
        if (candidate == code) return value;
    }
    return std::nullopt;
}

Bytes ErrorResponse::sqlstate() const {
    const Bytes code = field('C').value_or(Bytes{});
    return is_sqlstate(code) ? code : kInternalError;
}

Bytes ErrorResponse::severity() const {
    if (const auto plain = field('V')) return *plain;
    return field('S').value_or("ERROR");
}

bool ErrorResponse::is_fatal() const { return severity() == "FATAL" || severity() == "PANIC"; }

Decoded<NotificationResponse> NotificationResponse::decode(Bytes body) {
    ByteReader in(body);
    NotificationResponse message;
    message.pid = in.i32();
    message.channel = in.cstring();
    message.payload = in.cstring();
    return in.finish(message);
}

void NotificationResponse::append_to(std::string& out) const { MessageWriter(out, kType).i32(pid).cstring(channel).cstring(payload); }

Decoded<ParameterDescription> ParameterDescription::decode(Bytes body) {
    ByteReader in(body);
    const OidList types = OidList::read(in);
    return in.finish(ParameterDescription{types});
}

void ParameterDescription::append_to(std::string& out) const { MessageWriter(out, kType).u16(types.size()).bytes(types.raw()); }

void append_parameter_description(std::string& out, std::span<const Oid> types) {
    LARDER_ASSERT(types.size() <= UINT16_MAX);
    MessageWriter writer(out, ParameterDescription::kType);
    writer.u16(static_cast<std::uint16_t>(types.size()));
    for (const Oid type : types) writer.u32(type);
}

Decoded<CopyResponse> CopyResponse::decode(Bytes body) {
    ByteReader in(body);
    const auto format = static_cast<std::uint8_t>(in.byte());
    if (format > 1) in.fail(DecodeError::bad_value);
    const FormatCodes columns = FormatCodes::read(in);
    return in.finish(CopyResponse{format, columns});
}

void CopyResponse::append_to(std::string& out, char type) const {
    MessageWriter(out, type).byte(static_cast<char>(format)).u16(column_formats.size()).bytes(column_formats.raw());
}

void append_copy_response(std::string& out, char type, std::uint8_t format, std::span<const std::uint16_t> column_formats) {
    LARDER_ASSERT(column_formats.size() <= UINT16_MAX);
    MessageWriter writer(out, type);
    writer.byte(static_cast<char>(format)).u16(static_cast<std::uint16_t>(column_formats.size()));
    for (const std::uint16_t code : column_formats) writer.u16(code);
}

Decoded<FunctionCallResponse> FunctionCallResponse::decode(Bytes body) {
    ByteReader in(body);
    FunctionCallResponse message;
    const std::int32_t length = in.i32();
    if (length >= 0) {
        message.value = in.bytes(static_cast<std::size_t>(length));
    } else if (length != -1) {
        in.fail(DecodeError::truncated);
    }
    return in.finish(message);
}

void FunctionCallResponse::append_to(std::string& out) const {
    MessageWriter writer(out, kType);
    if (!value) {
        writer.i32(-1);
        return;
    }
    writer.u32(static_cast<std::uint32_t>(value->size())).bytes(*value);
}

Decoded<NegotiateProtocolVersion> NegotiateProtocolVersion::decode(Bytes body) {
    ByteReader in(body);
    NegotiateProtocolVersion message;
    message.major = in.u16();
    message.minor = in.u16();
    message.option_count = in.u32();
    const char* const start = in.at();
    // Each name takes at least its NUL, so a claimed count beyond the body ends the loop early.
    for (std::uint32_t i = 0; i < message.option_count && !in.failed(); ++i) in.cstring();
    message.options = in.since(start);
    return in.finish(message);
}

void NegotiateProtocolVersion::append_to(std::string& out) const {
    MessageWriter(out, kType).u16(major).u16(minor).u32(option_count).bytes(options);
}

}  // namespace larder::protocol
