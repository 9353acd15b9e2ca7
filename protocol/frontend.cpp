#include "protocol/frontend.h"

#include "protocol/byte_reader.h"
#include "protocol/byte_writer.h"
#include "protocol/frame.h"

namespace larder::protocol {

namespace {

std::uint16_t count_of(std::size_t size) {
    LARDER_ASSERT(size <= UINT16_MAX);
    return static_cast<std::uint16_t>(size);
}

void write(ByteWriter& out, const FormatCodes& codes) { out.u16(codes.size()).bytes(codes.raw()); }
void write(ByteWriter& out, const ValueList& values) { out.u16(values.size()).bytes(values.raw()); }
void write(ByteWriter& out, const OidList& oids) { out.u16(oids.size()).bytes(oids.raw()); }

void write(ByteWriter& out, std::span<const std::uint16_t> codes) {
    out.u16(count_of(codes.size()));
    for (const std::uint16_t code : codes) out.u16(code);
}

void write(ByteWriter& out, std::span<const ValueList::Value> values) {
    out.u16(count_of(values.size()));
    for (const auto& value : values) {
        if (!value) {
            out.i32(-1);
            continue;
        }
        LARDER_ASSERT(value->size() <= kFrontendFrameBytesMax);
        out.u32(static_cast<std::uint32_t>(value->size())).bytes(*value);
    }
}

// Describe and Close are the same message but for the type.
template <class Message>
Decoded<Message> decode_target_and_name(Bytes body) {
    ByteReader in(body);
    const char target = in.byte();
    if (target != 'S' && target != 'P') in.fail(DecodeError::bad_value);
    const Bytes name = in.cstring();
    return in.finish(Message{static_cast<Target>(target), name});
}

}  // namespace

Decoded<Query> Query::decode(Bytes body) {
    ByteReader in(body);
    const Bytes text = in.cstring();
    return in.finish(Query{text});
}

void Query::append_to(std::string& out) const { MessageWriter(out, kType).cstring(text); }

Decoded<Parse> Parse::decode(Bytes body) {
    ByteReader in(body);
    Parse message;
    message.statement = in.cstring();
    message.text = in.cstring();
    message.types = OidList::read(in);
    return in.finish(message);
}

void Parse::append_to(std::string& out) const {
    MessageWriter writer(out, kType);
    writer.cstring(statement).cstring(text);
    write(writer, types);
}

void append_parse(std::string& out, Bytes statement, Bytes text, std::span<const Oid> types) {
    MessageWriter writer(out, Parse::kType);
    writer.cstring(statement).cstring(text).u16(count_of(types.size()));
    for (const Oid type : types) writer.u32(type);
}

Decoded<Bind> Bind::decode(Bytes body) {
    ByteReader in(body);
    Bind message;
    message.portal = in.cstring();
    message.statement = in.cstring();
    message.formats = FormatCodes::read(in);
    message.values = ValueList::read(in);
    if (!message.formats.fits(message.values.size())) in.fail(DecodeError::format_count_mismatch);
    message.result_formats = FormatCodes::read(in);  // how many columns there are only the server knows
    return in.finish(message);
}

void Bind::append_to(std::string& out) const {
    MessageWriter writer(out, kType);
    writer.cstring(portal).cstring(statement);
    write(writer, formats);
    write(writer, values);
    write(writer, result_formats);
}

void append_bind(std::string& out, Bytes portal, Bytes statement, std::span<const std::uint16_t> formats,
                 std::span<const ValueList::Value> values, std::span<const std::uint16_t> result_formats) {
    MessageWriter writer(out, Bind::kType);
    writer.cstring(portal).cstring(statement);
    write(writer, formats);
    write(writer, values);
    write(writer, result_formats);
    writer.finish();
}

Decoded<Describe> Describe::decode(Bytes body) { return decode_target_and_name<Describe>(body); }

void Describe::append_to(std::string& out) const { MessageWriter(out, kType).byte(static_cast<char>(target)).cstring(name); }

Decoded<Close> Close::decode(Bytes body) { return decode_target_and_name<Close>(body); }

void Close::append_to(std::string& out) const { MessageWriter(out, kType).byte(static_cast<char>(target)).cstring(name); }

Decoded<Execute> Execute::decode(Bytes body) {
    ByteReader in(body);
    const Bytes portal = in.cstring();
    const std::int32_t rows_max = in.i32();
    return in.finish(Execute{portal, rows_max});
}

void Execute::append_to(std::string& out) const { MessageWriter(out, kType).cstring(portal).i32(rows_max); }

Decoded<FunctionCall> FunctionCall::decode(Bytes body) {
    ByteReader in(body);
    FunctionCall message;
    message.function = in.u32();
    message.formats = FormatCodes::read(in);
    message.arguments = ValueList::read(in);
    if (!message.formats.fits(message.arguments.size())) in.fail(DecodeError::format_count_mismatch);
    message.result_format = in.u16();
    return in.finish(message);
}

void FunctionCall::append_to(std::string& out) const {
    MessageWriter writer(out, kType);
    writer.u32(function);
    write(writer, formats);
    write(writer, arguments);
    writer.u16(result_format);
}

void append_function_call(std::string& out, Oid function, std::span<const std::uint16_t> formats,
                          std::span<const ValueList::Value> arguments, std::uint16_t result_format) {
    MessageWriter writer(out, FunctionCall::kType);
    writer.u32(function);
    write(writer, formats);
    write(writer, arguments);
    writer.u16(result_format);
    writer.finish();
}

Decoded<CopyFail> CopyFail::decode(Bytes body) {
    ByteReader in(body);
    const Bytes message = in.cstring();
    return in.finish(CopyFail{message});
}

void CopyFail::append_to(std::string& out) const { MessageWriter(out, kType).text(message); }

void CopyData::append_to(std::string& out) const { MessageWriter(out, kType).bytes(data); }

std::optional<DecodeError> decode_empty(Bytes body) {
    if (body.empty()) return std::nullopt;
    return DecodeError::trailing_bytes;
}

Decoded<PasswordMessage> PasswordMessage::decode(Bytes body) {
    ByteReader in(body);
    const Bytes password = in.cstring();
    return in.finish(PasswordMessage{password});
}

void PasswordMessage::append_to(std::string& out) const { MessageWriter(out, kType).cstring(password); }

Decoded<SaslInitialResponse> SaslInitialResponse::decode(Bytes body) {
    ByteReader in(body);
    SaslInitialResponse message;
    message.mechanism = in.cstring();
    const std::int32_t length = in.i32();
    if (length >= 0) {
        message.data = in.bytes(static_cast<std::size_t>(length));
    } else if (length != -1) {
        in.fail(DecodeError::truncated);
    }
    return in.finish(message);
}

void SaslInitialResponse::append_to(std::string& out) const {
    MessageWriter writer(out, kType);
    writer.cstring(mechanism);
    if (!data) {
        writer.i32(-1);
        return;
    }
    writer.u32(static_cast<std::uint32_t>(data->size())).bytes(*data);
}

void SaslResponse::append_to(std::string& out) const { MessageWriter(out, kType).bytes(data); }

}  // namespace larder::protocol
