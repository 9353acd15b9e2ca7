#include "protocol/snapshot.h"

#include <algorithm>
#include <charconv>

namespace larder::protocol {
namespace {

// Takes a number off the front of `text`, and `end` behind it if something follows. False: it is none.
bool take_number(std::string_view& text, char end, std::uint64_t& number) {
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return false;
    text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
    if (text.empty()) return true;
    if (text.front() != end) return false;
    text.remove_prefix(1);
    return true;
}

}  // namespace

std::optional<Snapshot> Snapshot::parse(std::string_view text) {
    Snapshot snapshot;
    if (std::count(text.begin(), text.end(), ':') != 2) return std::nullopt;
    if (!take_number(text, ':', snapshot.xmin_) || !take_number(text, ':', snapshot.xmax_)) return std::nullopt;
    if (snapshot.xmin_ == 0 || snapshot.xmax_ < snapshot.xmin_) return std::nullopt;
    while (!text.empty()) {
        const bool is_last = text.find(',') == std::string_view::npos;
        std::uint64_t number = 0;
        if (!take_number(text, ',', number) || (!is_last && text.empty())) return std::nullopt;
        if (number < snapshot.xmin_ || number >= snapshot.xmax_) return std::nullopt;
        if (!snapshot.running_.empty() && number <= snapshot.running_.back()) return std::nullopt;
        snapshot.running_.push_back(number);
    }
    return snapshot;
}

bool Snapshot::is_over(std::uint64_t transaction) const {
    if (transaction < xmin_) return true;
    return transaction < xmax_ && !std::binary_search(running_.begin(), running_.end(), transaction);
}

std::uint64_t Snapshot::widen(std::uint32_t transaction) const {
    constexpr std::uint64_t kRound = std::uint64_t{1} << 32;
    const std::uint64_t same_round = (xmax_ & ~(kRound - 1)) | transaction;
    if (same_round > xmax_ + kRound / 2 && same_round >= kRound) return same_round - kRound;
    if (same_round + kRound / 2 < xmax_) return same_round + kRound;
    return same_round;
}

std::vector<std::uint64_t> Snapshot::running_before(std::uint64_t end) const {
    std::vector<std::uint64_t> found;
    for (const std::uint64_t number : running_) {
        if (number < end) found.push_back(number);
    }
    for (std::uint64_t number = xmax_; number < end; ++number) found.push_back(number);
    return found;
}

}  // namespace larder::protocol
