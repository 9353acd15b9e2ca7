#include "config/values.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <limits>

namespace larder::config {

namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

constexpr std::array kDurationUnits{Unit{"ms", 1},          Unit{"s", 1000},          Unit{"min", 60'000},
                                    Unit{"m", 60'000},      Unit{"h", 3'600'000},     Unit{"d", 86'400'000}};
constexpr std::array kSizeUnits{Unit{"b", 1}, Unit{"kb", 1ull << 10}, Unit{"mb", 1ull << 20}, Unit{"gb", 1ull << 30}, Unit{"tb", 1ull << 40}};
constexpr std::uint64_t kDurationMsMax = 100ull * 365 * 86'400'000;

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

// A whole number, optional spaces, and one of the units. `bare`: the factor of a number without a unit; 0: only "0" may do without.
std::optional<std::uint64_t> parse_with_unit(std::string_view text, const auto& units, std::uint64_t bare) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return std::nullopt;
    std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    while (unit.starts_with(' ')) unit.remove_prefix(1);
    std::uint64_t factor = bare;
    if (!unit.empty()) {
        const auto name = lower(unit);
        const auto found = std::find_if(units.begin(), units.end(), [&](const Unit& known) { return known.name == name; });
        if (found == units.end()) return std::nullopt;
        factor = found->factor;
    } else if (bare == 0 && number != 0) {
        return std::nullopt;
    }
    if (factor != 0 && number > std::numeric_limits<std::uint64_t>::max() / factor) return std::nullopt;
    return number * factor;
}

std::string print_with_unit(std::uint64_t value, const auto& units, std::string_view base) {
    if (value == 0) return "0";
    for (auto unit = units.rbegin(); unit != units.rend(); ++unit) {
        if (value % unit->factor == 0) return std::to_string(value / unit->factor) + std::string(unit->name);
    }
    return std::to_string(value) + std::string(base);
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const auto substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
        }
    }
    return row[b.size()];
}

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text) {
    const auto ms = parse_with_unit(text, kDurationUnits, 0);
    if (!ms || *ms > kDurationMsMax) return std::nullopt;
    return milliseconds(static_cast<std::int64_t>(*ms));
}

std::optional<std::uint64_t> parse_size(std::string_view text) { return parse_with_unit(text, kSizeUnits, 1); }

std::optional<std::int64_t> parse_integer(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<bool> parse_boolean(std::string_view text) {
    const auto word = lower(text);
    if (word == "true" || word == "on" || word == "yes") return true;
    if (word == "false" || word == "off" || word == "no") return false;
    return std::nullopt;
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return std::nullopt;
    auto host = text.substr(0, colon);
    const auto port = parse_integer(text.substr(colon + 1));
    if (!port || *port < 1 || *port > 65535) return std::nullopt;
    if (host.front() == '[') {
        if (host.size() < 3 || host.back() != ']') return std::nullopt;
        host = host.substr(1, host.size() - 2);
    } else if (host.front() != '/' && host.find(':') != std::string_view::npos) {
        return std::nullopt;  // an IPv6 address without brackets: where does it end?
    }
    return Endpoint{std::string(host), static_cast<std::uint16_t>(*port)};
}

std::optional<RedisAddress> parse_redis_url(std::string_view text) {
    constexpr std::string_view kPlain = "redis://", kTls = "rediss://";
    constexpr int kDatabaseMax = 65'535;
    RedisAddress address;
    address.is_tls = text.starts_with(kTls);
    if (!address.is_tls && !text.starts_with(kPlain)) return std::nullopt;
    text.remove_prefix(address.is_tls ? kTls.size() : kPlain.size());
    if (const auto slash = text.find('/'); slash != std::string_view::npos) {
        if (const auto number = text.substr(slash + 1); !number.empty()) {
            const auto database = parse_integer(number);
            if (!database || *database < 0 || *database > kDatabaseMax) return std::nullopt;
            address.database = static_cast<int>(*database);
        }
        text = text.substr(0, slash);
    }
    if (text.empty() || text.find_first_of("?#@ ") != std::string_view::npos) return std::nullopt;
    const bool has_port = text.back() != ']' && text.find(':') != std::string_view::npos;
    const auto endpoint = parse_endpoint(std::string(text) + (has_port ? "" : ":" + std::to_string(address.endpoint.port)));
    if (!endpoint) return std::nullopt;
    address.endpoint = *endpoint;
    return address;
}

std::string print_duration(milliseconds duration) {
    // Without "m", which is only read.
    constexpr std::array kPrinted{Unit{"ms", 1}, Unit{"s", 1000}, Unit{"min", 60'000}, Unit{"h", 3'600'000}, Unit{"d", 86'400'000}};
    return print_with_unit(static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0)), kPrinted, "ms");
}

std::string print_size(std::uint64_t bytes) {
    constexpr std::array kPrinted{Unit{"kB", 1ull << 10}, Unit{"MB", 1ull << 20}, Unit{"GB", 1ull << 30}, Unit{"TB", 1ull << 40}};
    return print_with_unit(bytes, kPrinted, "");
}

std::string print_endpoint(const Endpoint& endpoint) {
    const bool needs_brackets = endpoint.host.find(':') != std::string::npos && !endpoint.host.starts_with('/');
    return (needs_brackets ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
    // What is compared is bounded, so that a hostile key costs nothing.
    constexpr std::size_t kWordMax = 100;
    if (word.size() > kWordMax) return {};
    std::string best;
    std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const auto& candidate : candidates) {
        const auto distance = edit_distance(word, candidate);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

std::vector<std::string> name_list(const std::string& text) {
    std::vector<std::string> names;
    for (std::size_t at = 0; at <= text.size();) {
        const auto comma = std::min(text.find(',', at), text.size());
        const auto first = std::min(text.find_first_not_of(" \t", at), comma);
        const auto last = text.find_last_not_of(" \t,", comma);
        if (first < comma) names.push_back(text.substr(first, last - first + 1));
        at = comma + 1;
    }
    return names;
}

}  // namespace larder::config
