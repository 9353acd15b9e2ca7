#include "proxy/user_cache.h"

#include <algorithm>

#include "cache/counter.h"

namespace larder::proxy {

UserCache::Entry* UserCache::Shelf::find(std::string_view user) {
    const auto found = by_name.find(user);
    return found == by_name.end() ? nullptr : &*found->second;
}

void UserCache::Shelf::drop(std::string_view user) {
    const auto found = by_name.find(user);
    if (found == by_name.end()) return;
    const auto entry = found->second;
    by_name.erase(found);
    entries.erase(entry);
}

void UserCache::Shelf::add(Entry entry, std::size_t entries_max) {
    drop(entry.user);
    if (entries.size() >= entries_max) drop(entries.front().user);
    entries.push_back(std::move(entry));
    by_name.emplace(entries.back().user, std::prev(entries.end()));
}

std::optional<session::UserSecretRef> UserCache::find(std::string_view user, std::uint64_t server_word, Instant now) {
    const Lock lock(mutex_);
    const Entry* entry = users_.find(user);
    if (entry == nullptr) entry = unknown_.find(user);
    if (entry == nullptr || entry->server_word != server_word || cache::Counter::is_in_flight(server_word)) return std::nullopt;
    const auto age_max = entry->is_doubtful ? std::min<std::chrono::milliseconds>(kDoubtfulAge, max_age_) : max_age_;
    if (now - entry->learned >= age_max) return std::nullopt;
    return entry->secret;
}

void UserCache::keep(const std::string& user, session::UserSecretRef secret, std::uint64_t server_word, Instant now) {
    if (max_age_.count() == 0) return;
    const Lock lock(mutex_);
    const bool exists = secret != nullptr;
    (exists ? unknown_ : users_).drop(user);
    (exists ? users_ : unknown_).add({user, std::move(secret), server_word, now}, exists ? kUsersMax : kUnknownMax);
}

void UserCache::doubt(std::string_view user) {
    const Lock lock(mutex_);
    if (Entry* entry = users_.find(user)) entry->is_doubtful = true;
    else if (Entry* none = unknown_.find(user)) none->is_doubtful = true;
}

std::size_t UserCache::size() const {
    const Lock lock(mutex_);
    return users_.entries.size() + unknown_.entries.size();
}

}  // namespace larder::proxy
