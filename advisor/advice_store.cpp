#include "advisor/advice_store.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace larder::advisor {

std::string advice_key(const std::string& statement_id, const std::string& found_by) { return found_by + "-" + statement_id; }

std::string advice_key(const AdviceRow& row) {
    if (row.found_by != "workload") return advice_key(row.statement_id, row.found_by);
    std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
    const auto add = [&](const std::string& part) {
        for (const char c : part + '\0') hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    };
    add(row.database);
    for (const auto& option : row.options) {
        for (const auto& statement : option.run) add(statement);
    }
    std::string id;
    for (int shift = 60; shift >= 0; shift -= 4) id += "0123456789abcdef"[hash >> shift & 15];
    return advice_key(id, row.found_by);
}

AdviceStore::Put AdviceStore::put(AdviceRow row) {
    row.key = advice_key(row);
    const std::lock_guard lock(mutex_);
    const auto same = std::find_if(rows_.begin(), rows_.end(), [&](const auto& entry) { return entry.second.key == row.key; });
    if (same != rows_.end()) {
        row.id = same->first;
        row.deployment = same->second.deployment;
        same->second = std::move(row);
        return {same->first, false, 0};
    }
    const int dropped = rows_.size() >= advice_max_ ? dropped_for_room() : 0;
    row.id = next_++;
    const int id = row.id;
    rows_.emplace(id, std::move(row));
    return {id, true, dropped};
}

int AdviceStore::dropped_for_room() {
    if (rows_.empty()) return 0;
    auto oldest = std::find_if(rows_.begin(), rows_.end(), [](const auto& entry) { return entry.second.deployment == 0; });
    if (oldest == rows_.end()) oldest = rows_.begin();
    const int id = oldest->first;
    rows_.erase(oldest);
    return id;
}

std::size_t AdviceStore::size() const {
    const std::lock_guard lock(mutex_);
    return rows_.size();
}

std::vector<AdviceRow> AdviceStore::list() const {
    const std::lock_guard lock(mutex_);
    std::vector<AdviceRow> all;
    for (const auto& [id, row] : rows_) all.push_back(row);
    return all;
}

std::optional<AdviceRow> AdviceStore::find(int id) const {
    const std::lock_guard lock(mutex_);
    const auto found = rows_.find(id);
    return found == rows_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<AdviceRow> AdviceStore::find(const std::string& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(rows_.begin(), rows_.end(), [&](const auto& entry) { return entry.second.key == key; });
    return found == rows_.end() ? std::nullopt : std::optional(found->second);
}

void AdviceStore::forget_others(const std::string& found_by, const std::set<int>& kept) {
    const std::lock_guard lock(mutex_);
    std::erase_if(rows_, [&](const auto& entry) { return entry.second.found_by == found_by && entry.second.deployment == 0 && !kept.contains(entry.first); });
}

void AdviceStore::deployed(int id, int deployment) {
    const std::lock_guard lock(mutex_);
    if (const auto found = rows_.find(id); found != rows_.end()) found->second.deployment = deployment;
}

}  // namespace larder::advisor
