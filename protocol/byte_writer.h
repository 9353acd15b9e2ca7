// ByteWriter and MessageWriter: append wire bytes to a std::string that the caller owns and reuses.
//
// MessageWriter writes the type and a place for the length, and puts the length in when finish() is called or it goes
// out of scope. Strings given to cstring() must not hold a NUL: what was decoded from a cstring cannot, all else is
// checked (BrokenInvariant), since a cut name may be somebody else's. text() is for messages to people and replaces NULs.
// Threads: a value, for one thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/check.h"
#include "base/bytes.h"

namespace larder::protocol {

class ByteWriter {
public:
    explicit ByteWriter(std::string& out) : out_(out) {}

    ByteWriter& byte(char value) {
        out_.push_back(value);
        return *this;
    }
    ByteWriter& u16(std::uint16_t value) {
        char raw[2];
        store_be16(raw, value);
        out_.append(raw, sizeof raw);
        return *this;
    }
    ByteWriter& u32(std::uint32_t value) {
        char raw[4];
        store_be32(raw, value);
        out_.append(raw, sizeof raw);
        return *this;
    }
    ByteWriter& i16(std::int16_t value) { return u16(static_cast<std::uint16_t>(value)); }
    ByteWriter& u64(std::uint64_t value) { return u32(static_cast<std::uint32_t>(value >> 32)).u32(static_cast<std::uint32_t>(value)); }
    ByteWriter& i32(std::int32_t value) { return u32(static_cast<std::uint32_t>(value)); }
    ByteWriter& bytes(Bytes value) {
        out_.append(value);
        return *this;
    }
    ByteWriter& cstring(Bytes value) {
        LARDER_ASSERT(value.find('\0') == Bytes::npos);
        out_.append(value);
        return byte('\0');
    }
    ByteWriter& text(Bytes value) {
        for (const char c : value) out_.push_back(c == '\0' ? '?' : c);
        return byte('\0');
    }

protected:
    std::string& out_;
};

class MessageWriter : public ByteWriter {
public:
    MessageWriter(std::string& out, char type) : ByteWriter(out) {
        out_.push_back(type);
        length_at_ = out_.size();
        out_.append(4, '\0');
    }
    // The start-up packets have no type byte.
    explicit MessageWriter(std::string& out) : ByteWriter(out), length_at_(out.size()) { out_.append(4, '\0'); }

    ~MessageWriter() {
        if (!finished_) patch();
    }
    MessageWriter(const MessageWriter&) = delete;
    MessageWriter& operator=(const MessageWriter&) = delete;

    // Needed only where the message may be longer than the protocol can say: the destructor cannot complain.
    void finish() {
        LARDER_ASSERT(out_.size() - length_at_ <= INT32_MAX);
        patch();
        finished_ = true;
    }

private:
    void patch() noexcept { store_be32(out_.data() + length_at_, static_cast<std::uint32_t>(out_.size() - length_at_)); }

    std::size_t length_at_ = 0;
    bool finished_ = false;
};

}  // namespace larder::protocol
