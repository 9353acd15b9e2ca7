#include "protocol/row.h"

#include "protocol/byte_reader.h"
#include "protocol/byte_writer.h"
#include "protocol/frame.h"

namespace larder::protocol {

namespace {

constexpr std::size_t kFieldTailBytes = 18;  // what follows a column's name

}  // namespace

Field RowDescription::Iterator::operator*() const {
    const Bytes name{at_};
    const char* const tail = at_ + name.size() + 1;
    Field field;
    field.name = name;
    field.table = load_be32(tail);
    field.column = static_cast<std::int16_t>(load_be16(tail + 4));
    field.type = load_be32(tail + 6);
    field.type_bytes = static_cast<std::int16_t>(load_be16(tail + 10));
    field.type_modifier = static_cast<std::int32_t>(load_be32(tail + 12));
    field.format = load_be16(tail + 16);
    return field;
}

RowDescription::Iterator& RowDescription::Iterator::operator++() {
    at_ += Bytes{at_}.size() + 1 + kFieldTailBytes;
    return *this;
}

Decoded<RowDescription> RowDescription::decode(Bytes body) {
    ByteReader in(body);
    RowDescription message;
    message.size_ = in.u16();
    const char* const start = in.at();
    for (std::uint32_t i = 0; i < message.size_ && !in.failed(); ++i) {
        in.cstring();
        in.bytes(kFieldTailBytes);
    }
    message.raw_ = in.since(start);
    return in.finish(message);
}

void RowDescription::append_to(std::string& out) const { MessageWriter(out, kType).u16(size_).bytes(raw_); }

void append_row_description(std::string& out, std::span<const Field> fields) {
    LARDER_ASSERT(fields.size() <= UINT16_MAX);
    MessageWriter writer(out, RowDescription::kType);
    writer.u16(static_cast<std::uint16_t>(fields.size()));
    for (const Field& field : fields) {
        writer.cstring(field.name).u32(field.table).i16(field.column).u32(field.type).i16(field.type_bytes);
        writer.i32(field.type_modifier).u16(field.format);
    }
}

Decoded<DataRow> DataRow::decode(Bytes body) {
    ByteReader in(body);
    const ValueList values = ValueList::read(in);
    return in.finish(DataRow{values});
}

void DataRow::append_to(std::string& out) const { MessageWriter(out, kType).u16(values.size()).bytes(values.raw()); }

void append_data_row(std::string& out, std::span<const ValueList::Value> values) {
    LARDER_ASSERT(values.size() <= UINT16_MAX);
    MessageWriter writer(out, DataRow::kType);
    writer.u16(static_cast<std::uint16_t>(values.size()));
    for (const auto& value : values) {
        if (!value) {
            writer.i32(-1);
            continue;
        }
        LARDER_ASSERT(value->size() <= kBackendFrameBytesMax);
        writer.u32(static_cast<std::uint32_t>(value->size())).bytes(*value);
    }
    writer.finish();
}

}  // namespace larder::protocol
