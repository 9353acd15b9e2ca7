#include "bench/wire.h"

#include <algorithm>
#include <cstring>

namespace larder::bench {

namespace {

// Opens a message and closes it with its length when the scope ends.
class Frame {
public:
    Frame(std::string& out, char type) : out_(out) {
        out_.push_back(type);
        at_ = out_.size();
        append_u32(out_, 0);
    }
    ~Frame() {
        const auto length = static_cast<std::uint32_t>(out_.size() - at_);
        for (int i = 0; i < 4; ++i) out_[at_ + static_cast<std::size_t>(i)] = static_cast<char>(length >> (24 - 8 * i));
    }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;

    void text(std::string_view value) {
        out_.append(value);
        out_.push_back('\0');
    }

private:
    std::string& out_;
    std::size_t at_;
};

constexpr std::size_t kHeaderBytes = 5;

}  // namespace

std::uint32_t load_u32(const char* at) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(at[i]);
    return value;
}

void append_u32(std::string& out, std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

void append_u16(std::string& out, std::uint16_t value) {
    out.push_back(static_cast<char>(value >> 8));
    out.push_back(static_cast<char>(value));
}

void append_message(std::string& out, char type, std::string_view body) {
    out.push_back(type);
    append_u32(out, static_cast<std::uint32_t>(body.size() + 4));
    out.append(body);
}

void append_startup(std::string& out, std::string_view user, std::string_view database) {
    std::string body;
    append_u32(body, kProtocolVersion);
    for (const std::string_view text : {std::string_view("user"), user, std::string_view("database"), database}) {
        body.append(text);
        body.push_back('\0');
    }
    body.push_back('\0');
    append_u32(out, static_cast<std::uint32_t>(body.size() + 4));
    out.append(body);
}

void append_query(std::string& out, std::string_view sql) {
    Frame(out, 'Q').text(sql);
}

void append_parse(std::string& out, std::string_view name, std::string_view sql, int int4_parameters) {
    Frame frame(out, 'P');
    frame.text(name);
    frame.text(sql);
    append_u16(out, static_cast<std::uint16_t>(int4_parameters));
    for (int i = 0; i < int4_parameters; ++i) append_u32(out, kTypeInt4);
}

void append_bind(std::string& out, std::string_view statement, const std::string_view* parameters, int count) {
    Frame frame(out, 'B');
    frame.text("");
    frame.text(statement);
    append_u16(out, 0);
    append_u16(out, static_cast<std::uint16_t>(count));
    for (int i = 0; i < count; ++i) {
        append_u32(out, static_cast<std::uint32_t>(parameters[i].size()));
        out.append(parameters[i]);
    }
    append_u16(out, 0);
}

void append_describe_portal(std::string& out) {
    out.append("D\0\0\0\6P\0", 7);
}

void append_execute(std::string& out) {
    out.append("E\0\0\0\11\0\0\0\0\0", 10);
}

void append_sync(std::string& out) {
    out.append("S\0\0\0\4", 5);
}

void append_terminate(std::string& out) {
    out.append("X\0\0\0\4", 5);
}

void append_row_description(std::string& out, std::string_view column, std::uint32_t type_oid) {
    Frame frame(out, 'T');
    append_u16(out, 1);
    frame.text(column);
    append_u32(out, 0);        // no table
    append_u16(out, 0);
    append_u32(out, type_oid);
    append_u16(out, 0xffff);   // type length: varying
    append_u32(out, 0xffffffff);
    append_u16(out, 0);        // text
}

void append_data_row(std::string& out, std::string_view value) {
    const Frame frame(out, 'D');
    append_u16(out, 1);
    append_u32(out, static_cast<std::uint32_t>(value.size()));
    out.append(value);
}

void MessageReader::feed(std::string_view chunk) {
    joined_.clear();
    chunk_ = chunk;
}

bool MessageReader::next(Message& message) {
    std::string_view whole;
    if (!rest_.empty()) {
        // Complete the cut message: first its header, then as much of the chunk as its length asks for.
        while (rest_.size() < kHeaderBytes && !chunk_.empty()) {
            rest_.push_back(chunk_.front());
            chunk_.remove_prefix(1);
        }
        if (rest_.size() < kHeaderBytes) return false;
        const std::size_t length = load_u32(rest_.data() + 1);
        is_broken_ = length < 4 || length > kMessageBytesMax;
        if (is_broken_) return false;
        const std::size_t take = std::min(length + 1 - rest_.size(), chunk_.size());
        rest_.append(chunk_.substr(0, take));
        chunk_.remove_prefix(take);
        if (rest_.size() < length + 1) return false;
        joined_.swap(rest_);
        rest_.clear();
        whole = joined_;
    } else {
        const std::size_t length = chunk_.size() < kHeaderBytes ? 4 : load_u32(chunk_.data() + 1);
        is_broken_ = length < 4 || length > kMessageBytesMax;
        if (is_broken_) return false;
        if (chunk_.size() < kHeaderBytes || chunk_.size() < length + 1) {
            rest_.assign(chunk_);
            chunk_ = {};
            return false;
        }
        whole = chunk_.substr(0, length + 1);
        chunk_.remove_prefix(length + 1);
    }
    message.type = whole.front();
    message.body = whole.substr(kHeaderBytes);
    return true;
}

std::string_view column_of(std::string_view row, int index) {
    if (row.size() < 2) return {};
    std::size_t at = 2;
    for (;; --index) {
        if (at + 4 > row.size()) return {};
        const std::uint32_t length = load_u32(row.data() + at);
        at += 4;
        const std::size_t bytes = length == 0xffffffff ? 0 : length;
        if (bytes > row.size() - at) return {};
        if (index == 0) return row.substr(at, bytes);
        at += bytes;
    }
}

std::string_view error_field(std::string_view body, char code) {
    while (!body.empty() && body.front() != '\0') {
        const auto end = body.find('\0');
        if (end == std::string_view::npos) return {};
        if (body.front() == code) return body.substr(1, end - 1);
        body.remove_prefix(end + 1);
    }
    return {};
}

}  // namespace larder::bench
