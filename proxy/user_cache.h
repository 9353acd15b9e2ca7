// What the server said about users, kept for a bounded time and in bounded memory.
//
// An answer is good for `max_age`, and no longer than roles stay as they are: a change of one that goes through Larder (the `server`
// counter) ends all. A password that does not fit makes an answer doubtful, as the user may have a new one: then it is good for
// kDoubtfulAge, so that wrong passwords do not cost the server more than one question a second and user.
//
// Users that exist and names that do not are kept apart: however many names somebody makes up, they push out each other only.
// Threads: any.
#pragma once

#include <chrono>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/thread_annotations.h"
#include "proxy/session/user_directory.h"

namespace larder::proxy {

class UserCache {
public:
    static constexpr std::size_t kUsersMax = 10'000;    // some 500 bytes each
    static constexpr std::size_t kUnknownMax = 1'000;
    static constexpr std::chrono::seconds kDoubtfulAge{1};

    explicit UserCache(std::chrono::milliseconds max_age) : max_age_(max_age) {}

    // `server_word`: of the counter, as it is now.
    std::optional<session::UserSecretRef> find(std::string_view user, std::uint64_t server_word, Instant now);
    // `server_word`: as it was before the server was asked. `secret` null: there is no such user.
    void keep(const std::string& user, session::UserSecretRef secret, std::uint64_t server_word, Instant now);
    void doubt(std::string_view user);
    std::size_t size() const;

private:
    struct Entry {
        std::string user;
        session::UserSecretRef secret;
        std::uint64_t server_word = 0;
        Instant learned;
        bool is_doubtful = false;
    };
    // The one learned last at the end.
    struct Shelf {
        std::list<Entry> entries;
        std::unordered_map<std::string_view, std::list<Entry>::iterator> by_name;  // names are the entries' own

        Entry* find(std::string_view user);
        void drop(std::string_view user);
        void add(Entry entry, std::size_t entries_max);
    };

    const std::chrono::milliseconds max_age_;
    mutable Mutex mutex_;
    Shelf users_ LARDER_GUARDED_BY(mutex_), unknown_ LARDER_GUARDED_BY(mutex_);
};

}  // namespace larder::proxy
