// ByteReader: checked reads from a message body.
//
// The first error sticks: every later read gives zero or nothing, and finish() reports that first error. So a decoder
// is written as a plain list of reads and looked at once, at its end. Nothing is copied or allocated; what is returned
// are views of the body and die with it. Threads: a value, for one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"
#include "protocol/decode_error.h"

namespace larder::protocol {

class ByteReader {
public:
    explicit ByteReader(Bytes body) : at_(body.data()), end_(body.data() + body.size()) {}

    char byte() {
        const char* const p = take(1);
        return p == nullptr ? '\0' : *p;
    }
    std::uint16_t u16() {
        const char* const p = take(2);
        return p == nullptr ? std::uint16_t{0} : load_be16(p);
    }
    std::uint32_t u32() {
        const char* const p = take(4);
        return p == nullptr ? 0 : load_be32(p);
    }
    std::uint64_t u64() {
        const std::uint64_t high = u32();
        return high << 32 | u32();
    }
    std::int16_t i16() { return static_cast<std::int16_t>(u16()); }
    std::int32_t i32() { return static_cast<std::int32_t>(u32()); }

    Bytes bytes(std::size_t count) {
        const char* const p = take(count);
        return p == nullptr ? Bytes{} : Bytes{p, count};
    }

    // A string that ends with NUL; the NUL is consumed and not part of the view.
    Bytes cstring() {
        if (left() == 0) {
            fail(DecodeError::truncated);
            return {};
        }
        const void* const nul = std::memchr(at_, '\0', left());
        if (nul == nullptr) {
            fail(DecodeError::unterminated_string);
            return {};
        }
        const Bytes text{at_, static_cast<std::size_t>(static_cast<const char*>(nul) - at_)};
        at_ += text.size() + 1;
        return text;
    }

    Bytes rest() { return bytes(left()); }

    // Views what was read since `start`, which at() gave earlier.
    const char* at() const { return at_; }
    Bytes since(const char* start) const { return Bytes{start, static_cast<std::size_t>(at_ - start)}; }

    std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
    bool failed() const { return failed_; }

    void fail(DecodeError error) {
        if (failed_) return;
        failed_ = true;
        error_ = error;
        at_ = end_;
    }

    // The message, if all reads succeeded and nothing is left over.
    template <class T>
    Decoded<T> finish(const T& message) const {
        if (failed_) return error_;
        if (at_ != end_) return DecodeError::trailing_bytes;
        return message;
    }

private:
    // Compares with what is left and never adds to a pointer first: a length from the wire must not overflow.
    const char* take(std::size_t count) {
        if (count > left()) {
            fail(DecodeError::truncated);
            return nullptr;
        }
        const char* const p = at_;
        at_ += count;
        return failed_ ? nullptr : p;
    }

    const char* at_;
    const char* end_;
    bool failed_ = false;
    DecodeError error_ = DecodeError::truncated;
};

}  // namespace larder::protocol
