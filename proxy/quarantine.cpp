#include "proxy/quarantine.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/durable_file.h"
#include "base/log.h"
#include "config/config.h"

namespace larder::proxy {
namespace {

// Takes what stands before the next blank.
template <class Number>
bool take_number(std::string_view& line, Number& number, int base) {
    const auto end = std::min(line.find(' '), line.size());
    const auto [at, error] = std::from_chars(line.data(), line.data() + end, number, base);
    const bool is_number = error == std::errc() && at == line.data() + end && end < line.size();
    line.remove_prefix(std::min(end + 1, line.size()));
    return is_number;
}

}  // namespace

std::string fingerprint_text(std::uint64_t fingerprint) {
    if (fingerprint == 0) return "all";
    std::array<char, 17> text{};
    std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(fingerprint));
    return text.data();
}

std::optional<std::uint64_t> read_fingerprint(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
    if (error != std::errc() || end != text.data() + text.size() || number == 0) return std::nullopt;
    return number;
}

Quarantine::Quarantine(std::string file, std::function<void(std::vector<rules::QuarantinedShape>)> put_in_force,
                       std::function<void(const rules::QuarantinedShape&, bool)> tell)
    : file_(std::move(file)), put_in_force_(std::move(put_in_force)), tell_(std::move(tell)) {
    read();
}

void Quarantine::read() {
    const Lock lock(mutex_);
    std::error_code failed;
    if (file_.empty() || !std::filesystem::exists(file_, failed)) return;
    std::ifstream in(file_);
    if (!in) throw config::ConfigError(file_, 0, "it cannot be read, and may say what must be kept out of the cache");
    int number = 0;
    for (std::string text; std::getline(in, text);) {
        ++number;
        std::string_view line = text;
        Entry entry;
        std::int64_t seconds = 0;
        if (!take_number(line, entry.what.fingerprint, 16) || !take_number(line, seconds, 10) || line.empty() ||
            entries_.size() >= 2 * kShapesMax)
            throw config::ConfigError(file_, number, "a line has a fingerprint, seconds since 1970 and a database");
        entry.what.database = line;
        entry.since_us = seconds * 1'000'000;
        entries_.push_back(std::move(entry));
    }
    if (in.bad()) throw config::ConfigError(file_, number, "it cannot be read to its end");
    std::vector<rules::QuarantinedShape> shapes;
    for (const auto& entry : entries_) shapes.push_back(entry.what);
    if (!shapes.empty()) put_in_force_(std::move(shapes));
}

void Quarantine::changed() {
    std::vector<rules::QuarantinedShape> shapes;
    std::string text;
    bool is_kept = !file_.empty();
    for (const auto& [what, shape, since_us] : entries_) {
        shapes.push_back(what);
        std::array<char, 17> digits{};
        std::snprintf(digits.data(), digits.size(), "%llx", static_cast<unsigned long long>(what.fingerprint));
        if (what.database.find('\n') != std::string::npos)
            is_kept = false;
        else
            text += std::string(digits.data()) + ' ' + std::to_string(since_us / 1'000'000) + ' ' + what.database + '\n';
    }
    // In force first: it may not wait for a disk.
    put_in_force_(std::move(shapes));
    try {
        if (!file_.empty()) make_folders_of(file_), replace_file(file_, text);
    } catch (const std::exception& e) {
        log_warn("the list of quarantined statements could not be kept, and is forgotten at the end", {{"error", e.what()}});
        return;
    }
    if (!is_kept) log_warn("the list of quarantined statements has no place to be kept in, and is forgotten at the end");
}

bool Quarantine::add(const std::string& database, std::uint64_t fingerprint, const std::string& shape, std::int64_t at_us) {
    const Lock lock(mutex_);
    const bool is_full = entries_.size() >= kShapesMax;
    const rules::QuarantinedShape what{database, is_full ? 0 : fingerprint};
    if (std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.what == what; })) return false;
    // Databases are few, and no more is needed for them than for one of them.
    entries_.push_back({what, what.fingerprint == 0 ? "" : shape, at_us});
    changed();
    tell_(what, true);
    return true;
}

std::size_t Quarantine::lift(const std::string& database, std::uint64_t fingerprint) {
    const Lock lock(mutex_);
    const auto is_kept = [&](const Entry& entry) { return entry.what.fingerprint != fingerprint || (!database.empty() && entry.what.database != database); };
    const auto first = std::stable_partition(entries_.begin(), entries_.end(), is_kept);
    const std::vector<Entry> lifted(first, entries_.end());
    entries_.erase(first, entries_.end());
    if (!lifted.empty()) changed();
    for (const auto& entry : lifted) tell_(entry.what, false);
    return lifted.size();
}

bool Quarantine::holds(const std::string& database, std::uint64_t fingerprint) const {
    const Lock lock(mutex_);
    return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
        return entry.what.database == database && (entry.what.fingerprint == 0 || entry.what.fingerprint == fingerprint);
    });
}

std::vector<QuarantinedRow> Quarantine::rows() const {
    const Lock lock(mutex_);
    std::vector<QuarantinedRow> rows;
    for (const auto& [what, shape, since_us] : entries_)
        rows.push_back({printable(what.database), fingerprint_text(what.fingerprint), shape, since_us});
    return rows;
}

}  // namespace larder::proxy
