// How fresh an answer of the cache has to be: freshness.level, a rule's `freshness`, SET larder.freshness, a statement's comment.
//
// What goes through this Larder is seen at once by each level. They differ in what others write behind its back: `strict` and `bounded`, two
// words for one thing, see it within the bound that docs/feed.md names; `barrier` sees whatever was committed before the request came.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace larder {

enum class FreshnessLevel : std::uint8_t { strict, bounded, barrier };

inline constexpr std::array<std::string_view, 3> kFreshnessLevels{"strict", "bounded", "barrier"};

constexpr std::string_view name(FreshnessLevel level) { return kFreshnessLevels[static_cast<std::size_t>(level)]; }

// Nothing: it is none of them. Capital letters count as small ones, as in PostgreSQL's settings.
constexpr std::optional<FreshnessLevel> parse_freshness_level(std::string_view text) {
    for (std::size_t i = 0; i < kFreshnessLevels.size(); ++i) {
        bool is_equal = text.size() == kFreshnessLevels[i].size();
        for (std::size_t at = 0; is_equal && at < text.size(); ++at) {
            const char c = text[at] >= 'A' && text[at] <= 'Z' ? static_cast<char>(text[at] - 'A' + 'a') : text[at];
            is_equal = c == kFreshnessLevels[i][at];
        }
        if (is_equal) return static_cast<FreshnessLevel>(i);
    }
    return std::nullopt;
}

}  // namespace larder
