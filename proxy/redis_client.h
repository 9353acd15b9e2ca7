// A worker's connection to Redis: the second level of the cache (docs/redis.md).
//
// What goes there: answers that memory has no room for, if they were dear: what the server took for one is more than min_cost, and
// more than twice what Redis takes to move it, measured by PINGs and all other replies. What is asked for: keys that are known to
// have been put there (cache/remote_index.h), while Redis is quicker than the server was. So a miss of what was never there pays nothing.
//
// Going on without it. A request that is older than `timeout` ends the connection: nobody waits any longer, and nobody asks until a
// new connection has answered a PING. Attempts have growing pauses. A PING each second finds a Redis that hangs before a
// client does. Commands of one turn of the event loop go out in one write. Errors to SET (memory full, a read-only replica, no
// permission) only stop what is put there for a second.
//
// Bounded: commands without an answer, their bytes, and the bytes of one reply (RedisLinkLimits). What does not fit is not put there.
//
// Threads: its worker's; numbers() any.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/metrics.h"
#include "base/snapshot.h"
#include "cache/remote_value.h"
#include "proxy/asio.h"
#include "proxy/peer.h"
#include "proxy/redis_link.h"
#include "proxy/redis_store.h"
#include "proxy/server_connector.h"
#include "proxy/session/second_level.h"

namespace larder::proxy {

// Upper bounds of the histogram of round trips, in us; one more bucket has the rest.
inline constexpr std::array<std::int64_t, 12> kRedisRoundTripUs{50, 100, 200, 500, 1'000, 2'000, 5'000, 10'000, 20'000, 50'000, 100'000, 1'000'000};

struct RedisNumbers {
    Count is_up;                                        // 0 or 1
    Count connections, found, not_found;
    Count kept, kept_bytes, found_bytes;                // as they went over the wire
    Count cheap, unplaced, there_already;               // evicted answers that were not put there: not dear enough; no room or Redis not up; it has them
    std::array<Count, static_cast<std::size_t>(RedisError::count_)> errors;
    std::array<Count, static_cast<std::size_t>(cache::RemoteFault::count_)> faults;   // bytes that were no answer of ours
    std::array<Count, kRedisRoundTripUs.size() + 1> round_trips;
    Count round_trip_us_sum, round_trip_us;             // the mean of late
};

class RedisClient final : public session::SecondLevel, private PeerOwner {
public:
    // Tells a session what became of its question; on the worker's thread, never from within look_up().
    using Answer = std::function<void(std::uint64_t session, std::uint64_t number, cache::ResultRef result)>;
    RedisClient(RedisStore& store, asio::io_context& io, Answer answer, int worker);
    ~RedisClient();

    void look_up(std::uint64_t session, const session::SecondLevelRequest& request);
    // Deadlines, PINGs, and the next attempt to connect.
    void tick(Instant now);
    // A request is unanswered: the next tick must not be long.
    bool is_busy() const { return link_ && link_->unanswered() > 0; }
    void stop();

    bool is_worth_asking(const cache::KeyView& key) override;
    void forget(const cache::KeyView& key) override { store_.index.forget(key.hash); }
    void on_evicted(const cache::ResultRef& result) override;

    const RedisNumbers& numbers() const { return numbers_; }

private:
    struct Question {
        std::uint64_t session, number, hash;
        std::string key;
        const cache::DatabaseCounters* counters;
    };
    struct Sent {
        std::uint64_t hash;
        std::int64_t server_us;
        Instant stored;
    };
    void on_readable(bool) override;
    void on_writable(bool) override;
    void connect();
    void connected(ConnectResult result);
    void flush_later();
    void flush();
    void read();
    void carry_out(std::vector<RedisLink::Done>& done);
    void on_value(std::uint64_t tag, Bytes value);
    void on_failed(const RedisLink::Done& failed);
    void answer_later(std::uint64_t session, std::uint64_t number);
    void note_round_trip(std::chrono::microseconds took);
    void fail(RedisError error, const std::string& problem);
    void tell_trouble(RedisError error, const std::string& problem);
    std::int64_t transfer_us(std::size_t bytes) const;

    RedisStore& store_;
    asio::io_context& io_;
    const Answer answer_;
    const int worker_;
    std::shared_ptr<bool> is_alive_;                    // for what was posted
    PeerRef peer_;
    std::unique_ptr<RedisLink> link_;                   // null: not connected
    std::unordered_map<std::uint64_t, Question> questions_;   // by tag
    std::unordered_map<std::uint64_t, Sent> sent_;
    std::uint64_t next_tag_ = 1;
    bool is_connecting_ = false, is_flush_posted_ = false, is_stopped_ = false;
    RedisError told_ = RedisError::none;
    std::chrono::milliseconds pause_{0};                // before the next attempt
    Instant next_attempt_ = kLongAgo, next_ping_ = kLongAgo, no_puts_before_ = kLongAgo;
    std::string scratch_;
    RedisNumbers numbers_;
};

}  // namespace larder::proxy
