// One reply of Redis, read by hiredis: what RESP says, without its library's own types.
//
// Bounded, since a server may say anything: so many bytes may be held while a reply is incomplete, and so many elements may one
// reply have, however it announces them. What goes beyond is an error of the stream, which cannot be read on.
// Threads: its owner's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"

struct redisReader;

namespace larder::proxy {

struct RedisReply {
    enum class Kind : std::uint8_t { nil, string, status, error, integer, array } kind = Kind::nil;
    std::string text;               // of string, status and error
    std::int64_t number = 0;        // of integer
    std::vector<RedisReply> items;  // of array

    bool is_error() const { return kind == Kind::error; }
};

class RedisReader {
public:
    explicit RedisReader(std::size_t buffered_bytes_max);
    ~RedisReader();
    RedisReader(const RedisReader&) = delete;
    RedisReader& operator=(const RedisReader&) = delete;

    enum class Status : std::uint8_t { reply, incomplete, broken };
    // Copies what came. False: more is held than allowed, or the stream is broken.
    bool feed(Bytes bytes);
    Status next(RedisReply& reply);
    std::string problem() const;    // of a broken stream, for people

private:
    struct Free {
        void operator()(redisReader* reader) const;
    };
    std::unique_ptr<redisReader, Free> reader_;
    const std::size_t buffered_bytes_max_;
    bool is_full_ = false;
    int elements_left_ = 0;         // of the reply that is being read
};

// One command as Redis reads it, appended to `out`.
void append_command(std::string& out, std::initializer_list<Bytes> arguments);

}  // namespace larder::proxy
