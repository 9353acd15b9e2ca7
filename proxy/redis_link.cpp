#include "proxy/redis_link.h"

#include <algorithm>
#include <array>
#include <utility>

namespace larder::proxy {
namespace {

using Kind = RedisReply::Kind;

// What may be held of the replies: the longest one, with what announces it, and as much as one read brings behind it.
constexpr std::size_t kReadAheadBytes = 256 * 1024;

}  // namespace

std::string_view name(RedisError error) {
    switch (error) {
        case RedisError::none: return "none";
        case RedisError::refused: return "refused";
        case RedisError::denied: return "denied";
        case RedisError::full: return "full";
        case RedisError::loading: return "loading";
        case RedisError::read_only: return "read_only";
        case RedisError::moved: return "moved";
        case RedisError::timeout: return "timeout";
        case RedisError::lost: return "lost";
        case RedisError::protocol: return "protocol";
        case RedisError::unreachable: return "unreachable";
        case RedisError::other: return "other";
        case RedisError::count_: break;
    }
    return "other";
}

RedisError redis_error(std::string_view text) {
    static constexpr std::array<std::pair<std::string_view, RedisError>, 14> kWords{{
        {"WRONGPASS", RedisError::refused}, {"NOAUTH", RedisError::refused}, {"NOPERM", RedisError::denied}, {"OOM", RedisError::full},
        {"LOADING", RedisError::loading}, {"BUSY", RedisError::loading}, {"MASTERDOWN", RedisError::loading}, {"TRYAGAIN", RedisError::loading},
        {"READONLY", RedisError::read_only}, {"MISCONF", RedisError::read_only}, {"NOREPLICAS", RedisError::read_only},
        {"MOVED", RedisError::moved}, {"ASK", RedisError::moved}, {"CLUSTERDOWN", RedisError::moved},
    }};
    const auto word = text.substr(0, text.find(' '));
    const auto found = std::find_if(kWords.begin(), kWords.end(), [&](const auto& entry) { return entry.first == word; });
    return found == kWords.end() ? RedisError::other : found->second;
}

RedisLink::RedisLink(const RedisLogin& login, RedisLinkLimits limits, Instant now) : limits_(limits), reader_(limits.reply_bytes_max + kReadAheadBytes) {
    if (!login.password.empty() || !login.username.empty()) {
        if (login.username.empty()) append_command(output_, {"AUTH", login.password});
        else append_command(output_, {"AUTH", login.username, login.password});
        sent(Command::log_in, 0, 0, now);
    }
    if (login.database != 0) {
        append_command(output_, {"SELECT", std::to_string(login.database)});
        sent(Command::log_in, 0, 0, now);
    }
    ping(now);
}

void RedisLink::ping(Instant now) {
    append_command(output_, {"PING"});
    sent(Command::ping, 0, 0, now);
}

void RedisLink::sent(Command command, std::uint64_t tag, std::size_t bytes, Instant now) {
    pending_.push_back({command, tag, now, bytes});
    pending_bytes_ += bytes;
}

bool RedisLink::has_room(std::size_t bytes) const { return pending_.size() < limits_.requests_max && pending_bytes_ + bytes <= limits_.request_bytes_max; }

bool RedisLink::get(std::uint64_t tag, Bytes key, Instant now) {
    if (!is_ready_ || !has_room(key.size())) return false;
    append_command(output_, {"GET", key});
    sent(Command::get, tag, key.size(), now);
    return true;
}

bool RedisLink::set(std::uint64_t tag, Bytes key, Bytes value, std::chrono::milliseconds life, Instant now) {
    if (!is_ready_ || !has_room(key.size() + value.size())) return false;
    append_command(output_, {"SET", key, value, "PX", std::to_string(std::max<std::int64_t>(life.count(), 1))});
    sent(Command::set, tag, key.size() + value.size(), now);
    return true;
}

bool RedisLink::on_bytes(Bytes bytes, Instant now, std::vector<Done>& done) {
    if (!reader_.feed(bytes)) return give_up(RedisError::protocol, reader_.problem());
    RedisReply reply;
    for (;;) {
        switch (reader_.next(reply)) {
            case RedisReader::Status::incomplete: return true;
            case RedisReader::Status::broken: return give_up(RedisError::protocol, reader_.problem());
            case RedisReader::Status::reply: break;
        }
        if (pending_.empty()) return give_up(RedisError::protocol, "a reply that nobody asked for");
        if (!on_reply(reply, now, done)) return false;
    }
}

bool RedisLink::on_reply(RedisReply& reply, Instant now, std::vector<Done>& done) {
    const Pending pending = pending_.front();
    pending_.pop_front();
    pending_bytes_ -= pending.bytes;
    const auto took = now - pending.since;
    const auto error = reply.is_error() ? redis_error(reply.text) : RedisError::none;
    switch (pending.command) {
        case Command::log_in:
            // Whatever it says, a login that failed is a matter of the configuration.
            return reply.is_error() ? give_up(error == RedisError::loading ? error : RedisError::refused, reply.text) : true;
        case Command::ping:
            if (reply.is_error()) return give_up(error, reply.text);
            is_ready_ = true;
            done.push_back({Done::Kind::pong, pending.tag, {}, error, took});
            return true;
        case Command::get:
            if (reply.is_error()) done.push_back({Done::Kind::failed, pending.tag, {}, error, took});
            else if (reply.kind == Kind::nil) done.push_back({Done::Kind::nothing, pending.tag, {}, error, took});
            else if (reply.kind == Kind::string) done.push_back({Done::Kind::value, pending.tag, std::move(reply.text), error, took});
            else return give_up(RedisError::protocol, "the reply to GET is no string");
            return true;
        case Command::set:
            if (reply.is_error()) done.push_back({Done::Kind::failed, pending.tag, {}, error, took});
            else done.push_back({Done::Kind::kept, pending.tag, {}, error, took});
            return true;
    }
    return true;
}

std::vector<std::uint64_t> RedisLink::unanswered_gets() const {
    std::vector<std::uint64_t> tags;
    for (const auto& pending : pending_) {
        if (pending.command == Command::get) tags.push_back(pending.tag);
    }
    return tags;
}

bool RedisLink::give_up(RedisError error, std::string problem) {
    is_ready_ = false;
    error_ = error;
    problem_ = std::move(problem);
    return false;
}

}  // namespace larder::proxy
