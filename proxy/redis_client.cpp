#include "proxy/redis_client.h"

#include <algorithm>

#include <boost/asio/post.hpp>

#include "base/log.h"

namespace larder::proxy {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPauseMin{100}, kPauseMax{10'000};   // between attempts
constexpr milliseconds kPingInterval{1000};
constexpr milliseconds kPutPause{1000};                      // after a SET that failed
constexpr milliseconds kLifeMin{100}, kLifeMax{86'400'000};  // of a value; what dies sooner is not put there
constexpr int kWorth = 2;              // to put an answer there and to get it back once are two requests
constexpr std::int64_t kBytesPerUs = 100;                    // about 1 Gbit/s, to and fro, with what both ends do to them
constexpr std::size_t kReadBytes = 64 * 1024;
constexpr int kMeanOf = 8;             // the mean of late moves by an eighth

// What there is to be done.
std::string_view hint(RedisError error) {
    switch (error) {
        case RedisError::refused: return "check redis.username and redis.password_file, and the ACL of that user";
        case RedisError::denied: return "the ACL user needs +get +set +ping +select on the keys of redis.prefix";
        case RedisError::full: return "give Redis a maxmemory-policy that evicts (allkeys-lru), or more memory";
        case RedisError::loading: return "it will be used as soon as it is ready";
        case RedisError::read_only: return "redis.url must lead to a primary that takes writes";
        case RedisError::moved: return "this is a node of a cluster; redis.url must lead to a server that has all keys";
        case RedisError::timeout: return "see SLOWLOG there; redis.timeout is how long Larder waits";
        case RedisError::protocol: return "is it really Redis that listens there, and should it be rediss:// ?";
        case RedisError::lost: case RedisError::unreachable: return "check redis.url, and that Redis runs";
        case RedisError::none: case RedisError::other: case RedisError::count_: break;
    }
    return "see Redis' own log";
}

bool only_stops_puts(RedisError error) { return error == RedisError::full || error == RedisError::read_only || error == RedisError::denied || error == RedisError::other; }

}  // namespace

RedisClient::RedisClient(RedisStore& store, asio::io_context& io, Answer answer, int worker)
    : store_(store), io_(io), answer_(std::move(answer)), worker_(worker), is_alive_(std::make_shared<bool>(true)) {}

RedisClient::~RedisClient() { stop(); }

void RedisClient::stop() {
    is_stopped_ = true;
    *is_alive_ = false;
    if (peer_) peer_->close();
    peer_.reset();
    link_.reset();
    questions_.clear();
    sent_.clear();
    numbers_.is_up.sub(numbers_.is_up.value());
}

// --- what sessions want

std::int64_t RedisClient::transfer_us(std::size_t bytes) const {
    return static_cast<std::int64_t>(numbers_.round_trip_us.value()) + static_cast<std::int64_t>(bytes) / kBytesPerUs;
}

bool RedisClient::is_worth_asking(const cache::KeyView& key) {
    if (!link_ || !link_->is_ready()) return false;
    const auto server_us = store_.index.server_us(key.hash);
    return server_us > transfer_us(0);
}

void RedisClient::look_up(std::uint64_t session, const session::SecondLevelRequest& request) {
    const std::uint64_t tag = next_tag_++;
    if (!link_ || !link_->get(tag, store_.values.key_name(store_.prefix, request.key.hash), now())) return answer_later(session, request.number);
    questions_.emplace(tag, Question{session, request.number, request.key.hash, std::string(request.key.bytes), request.counters});
    flush_later();
}

void RedisClient::answer_later(std::uint64_t session, std::uint64_t number) {
    asio::post(io_, [this, alive = is_alive_, session, number] {
        if (*alive) answer_(session, number, {});
    });
}

void RedisClient::on_evicted(const cache::ResultRef& result) {
    if (!link_ || !link_->is_ready()) return numbers_.unplaced.add();
    const auto bytes = result->all().size() + result->key().size();
    const auto server_us = result->cost().server_us;
    if (server_us < store_.min_cost.count() || server_us < kWorth * transfer_us(bytes)) return numbers_.cheap.add();
    const auto hash = cache::hash_key(result->key());
    if (store_.index.has(hash, result->stored())) return numbers_.there_already.add();
    const Instant at = now();
    if (at < no_puts_before_) return numbers_.unplaced.add();
    const auto left = std::chrono::duration_cast<milliseconds>(std::min<std::chrono::microseconds>(result->expires() == kNever ? kLifeMax : result->expires() - at, kLifeMax));
    if (left < kLifeMin || !result->is_fresh()) return;
    const std::uint64_t tag = next_tag_++;
    if (!store_.values.write(*result, scratch_) || !link_->set(tag, store_.values.key_name(store_.prefix, hash), scratch_, left, at)) return numbers_.unplaced.add();
    sent_.emplace(tag, Sent{hash, server_us, result->stored()});
    numbers_.kept_bytes.add(scratch_.size());
    flush_later();
}

// --- the connection

void RedisClient::tick(Instant now) {
    if (is_stopped_) return;
    if (!link_) {
        if (!is_connecting_ && now >= next_attempt_) connect();
        return;
    }
    if (link_->oldest() != kNever && link_->oldest() + store_.timeout <= now) return fail(RedisError::timeout, "no answer within redis.timeout");
    if (link_->is_ready() && now >= next_ping_) {
        next_ping_ = now + kPingInterval;
        link_->ping(larder::now());
        flush();
    }
}

void RedisClient::connect() {
    is_connecting_ = true;
    store_.connector.connect(io_, [this, alive = is_alive_](ConnectResult result) {
        if (*alive) connected(std::move(result));
        else if (result.peer) result.peer->close();
    });
}

void RedisClient::connected(ConnectResult result) {
    is_connecting_ = false;
    if (!result.peer) return fail(RedisError::unreachable, result.message);
    numbers_.connections.add();
    peer_ = std::move(result.peer);
    peer_->set_owner(this);
    link_ = std::make_unique<RedisLink>(store_.login, store_.limits, now());
    peer_->watch();
    flush();
}

void RedisClient::flush_later() {
    if (std::exchange(is_flush_posted_, true)) return;
    asio::post(io_, [this, alive = is_alive_] {
        if (!*alive) return;
        is_flush_posted_ = false;
        if (link_) flush();
    });
}

void RedisClient::flush() {
    if (!link_->output().empty()) {
        peer_->pending.append(link_->output());
        link_->output().clear();
    }
    if (peer_->pending.empty()) return;
    const IoStatus status = peer_->write(peer_->pending);
    if (status == IoStatus::closed) return fail(RedisError::lost, "the connection was closed");
    if (status == IoStatus::done) peer_->pending.release();
    else peer_->wait_writable();
}

void RedisClient::on_writable(bool) {
    if (!link_) return;
    flush();
    if (link_ && peer_->tls() != nullptr) read();  // it may have waited for this
}

void RedisClient::on_readable(bool) {
    if (link_) read();
}

void RedisClient::read() {
    std::array<char, kReadBytes> buffer;
    std::vector<RedisLink::Done> done;
    while (link_) {
        const IoResult got = peer_->read(buffer.data(), buffer.size());
        if (got.status == IoStatus::wants_write) return peer_->wait_writable();
        if (got.status == IoStatus::wants_read) return;
        if (got.status == IoStatus::closed) return fail(RedisError::lost, "Redis closed the connection");
        const bool goes_on = link_->on_bytes({buffer.data(), got.bytes}, now(), done);
        carry_out(done);
        if (!goes_on && link_) fail(link_->error(), link_->problem());
    }
}

void RedisClient::carry_out(std::vector<RedisLink::Done>& done) {
    using Kind = RedisLink::Done::Kind;
    std::vector<RedisLink::Done> all;
    all.swap(done);
    for (const auto& one : all) {
        note_round_trip(one.took);
        switch (one.kind) {
            case Kind::value: on_value(one.tag, one.value); break;
            case Kind::failed: on_failed(one); break;
            case Kind::nothing: {
                const auto asked = questions_.extract(one.tag);
                if (asked.empty()) break;
                numbers_.not_found.add();
                store_.index.forget(asked.mapped().hash);
                answer_(asked.mapped().session, asked.mapped().number, {});
                break;
            }
            case Kind::kept:
                if (const auto kept = sent_.extract(one.tag); !kept.empty()) {
                    numbers_.kept.add();
                    store_.index.add(kept.mapped().hash, kept.mapped().server_us, kept.mapped().stored);
                    pause_ = milliseconds{0};
                }
                break;
            case Kind::pong:
                if (!link_) break;  // given up meanwhile
                if (numbers_.is_up.value() == 0) {
                    numbers_.is_up.add();
                    log_info("Redis is in use", {{"address", store_.address}, {"worker", std::to_string(worker_)}});
                    told_ = RedisError::none;
                } else {
                    pause_ = milliseconds{0};
                }
                break;
        }
    }
}

void RedisClient::on_value(std::uint64_t tag, Bytes value) {
    const auto asked = questions_.extract(tag);
    if (asked.empty()) return;
    const Question& question = asked.mapped();
    auto fault = cache::RemoteFault::none;
    auto result = store_.values.read(value, question.key, *question.counters, fault);
    numbers_.found_bytes.add(value.size());
    if (result) numbers_.found.add();
    else store_.index.forget(question.hash), numbers_.faults[static_cast<std::size_t>(fault)].add();
    answer_(question.session, question.number, std::move(result));
}

// A command that Redis refused. What only concerns this key is a miss; what stops it from taking values is waited for; all else means
// that it cannot be used now.
void RedisClient::on_failed(const RedisLink::Done& failed) {
    const auto put = sent_.extract(failed.tag);
    const auto asked = questions_.extract(failed.tag);
    const bool is_small = !put.empty() ? only_stops_puts(failed.error) : failed.error == RedisError::other;
    if (!asked.empty()) {
        store_.index.forget(asked.mapped().hash);
        answer_(asked.mapped().session, asked.mapped().number, {});
    }
    if (!is_small) return fail(failed.error, "a command was refused");
    numbers_.errors[static_cast<std::size_t>(failed.error)].add();
    if (put.empty()) return;
    no_puts_before_ = now() + kPutPause;
    tell_trouble(failed.error, "a value was refused");
}

void RedisClient::note_round_trip(std::chrono::microseconds took) {
    const auto bucket = std::lower_bound(kRedisRoundTripUs.begin(), kRedisRoundTripUs.end(), took.count()) - kRedisRoundTripUs.begin();
    numbers_.round_trips[static_cast<std::size_t>(bucket)].add();
    const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 1));
    numbers_.round_trip_us_sum.add(us);
    const auto mean = numbers_.round_trip_us.value();
    if (mean == 0) numbers_.round_trip_us.add(us);
    else if (us > mean) numbers_.round_trip_us.add((us - mean + kMeanOf - 1) / kMeanOf);
    else numbers_.round_trip_us.sub((mean - us) / kMeanOf);
}

// All who wait go to the server now. The next attempt is made after a pause that grows, until Redis has answered a while.
void RedisClient::fail(RedisError error, const std::string& problem) {
    if (is_stopped_) return;
    numbers_.errors[static_cast<std::size_t>(error)].add();
    numbers_.is_up.sub(numbers_.is_up.value());
    tell_trouble(error, problem);
    if (peer_) {
        peer_->failed = true;  // no farewell to one who does not listen
        peer_->close();
    }
    peer_.reset();
    link_.reset();
    sent_.clear();
    std::unordered_map<std::uint64_t, Question> waiting;
    waiting.swap(questions_);
    for (const auto& [tag, question] : waiting) answer_later(question.session, question.number);
    pause_ = std::clamp(pause_ * 2, kPauseMin, kPauseMax);
    next_attempt_ = now() + pause_;
}

// Once, until it is up again or something else is wrong.
void RedisClient::tell_trouble(RedisError error, const std::string& problem) {
    if (std::exchange(told_, error) == error) return;
    log_warn("Redis cannot be used; answers come from memory and PostgreSQL meanwhile",
             {{"address", store_.address}, {"worker", std::to_string(worker_)}, {"error", std::string(name(error))}, {"problem", printable(problem)}, {"hint", std::string(hint(error))}});
}

}  // namespace larder::proxy
