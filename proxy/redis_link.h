// One connection to a Redis server (or Valkey), sans-io: commands in, replies in their order out.
//
// The machine: AUTH, SELECT and PING first, where they are needed; ready when all of them were answered well. Then GET and SET in any
// number up to the limits, pipelined: replies come in the order of the commands, and each is told by the tag of its command. So a reply
// that does not come blocks all behind it, and there is no way on but a new connection: on a deadline that has passed, the owner drops
// the link and its socket. A stream that breaks the protocol ends it as well.
//
// Nothing here reads a clock or opens a socket. Threads: its owner's.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "proxy/redis_reply.h"

namespace larder::proxy {

struct RedisLogin {
    std::string username, password;     // both empty: no AUTH; a password alone: the default user's
    int database = 0;
};

struct RedisLinkLimits {
    std::size_t requests_max = 1000;             // unanswered ones
    std::size_t request_bytes_max = 8u << 20;    // of them, keys and values together
    std::size_t reply_bytes_max = 1u << 20;      // of one reply
};

// What has gone wrong, by what there is to do about it; also the label of a metric.
enum class RedisError : std::uint8_t { none, refused, denied, full, loading, read_only, moved, timeout, lost, protocol, unreachable, other, count_ };
std::string_view name(RedisError error);
// By the first word of an error reply.
RedisError redis_error(std::string_view text);

class RedisLink {
public:
    // Writes the login's commands at once.
    RedisLink(const RedisLogin& login, RedisLinkLimits limits, Instant now);

    struct Done {
        enum class Kind : std::uint8_t { value, nothing, kept, failed, pong } kind;  // pong: also what makes it ready
        std::uint64_t tag = 0;
        std::string value;                       // of a GET that found something
        RedisError error = RedisError::none;     // of what failed
        std::chrono::microseconds took{0};       // from the command to the reply
    };

    // False: refused, since there are too many unanswered ones. Only when ready.
    bool get(std::uint64_t tag, Bytes key, Instant now);
    bool set(std::uint64_t tag, Bytes key, Bytes value, std::chrono::milliseconds life, Instant now);

    // Says how long an answer takes, and whether there is one at all.
    void ping(Instant now);

    // What came from the server. Appends what is done. False: the link is of no use any more, error() and problem() say why.
    bool on_bytes(Bytes bytes, Instant now, std::vector<Done>& done);

    std::string& output() { return output_; }    // to be sent, and cleared by who has sent it
    bool is_ready() const { return is_ready_; }
    std::size_t unanswered() const { return pending_.size(); }
    // When the oldest unanswered command was given; kNever: none is.
    Instant oldest() const { return pending_.empty() ? kNever : pending_.front().since; }
    // The GETs that are unanswered, for who gives the link up.
    std::vector<std::uint64_t> unanswered_gets() const;
    RedisError error() const { return error_; }
    const std::string& problem() const { return problem_; }

private:
    enum class Command : std::uint8_t { log_in, ping, get, set };
    struct Pending {
        Command command;
        std::uint64_t tag;
        Instant since;
        std::size_t bytes;
    };
    bool has_room(std::size_t bytes) const;
    void sent(Command command, std::uint64_t tag, std::size_t bytes, Instant now);
    bool on_reply(RedisReply& reply, Instant now, std::vector<Done>& done);
    bool give_up(RedisError error, std::string problem);

    const RedisLinkLimits limits_;
    RedisReader reader_;
    std::string output_;
    std::deque<Pending> pending_;
    std::size_t pending_bytes_ = 0;
    bool is_ready_ = false;
    RedisError error_ = RedisError::none;
    std::string problem_;
};

}  // namespace larder::proxy
