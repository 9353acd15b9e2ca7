// Values as people write them: durations, sizes, endpoints, choices.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace larder::config {

// "500ms", "30s", "5min", "1h", "1d"; also "0". Units as PostgreSQL's, plus "m" for minutes. Nothing: not a duration,
// or more than 100 years.
std::optional<milliseconds> parse_duration(std::string_view text);
// "1048576", "512kB", "256MB", "2GB"; units of 1024, as PostgreSQL's. Case does not matter.
std::optional<std::uint64_t> parse_size(std::string_view text);
std::optional<std::int64_t> parse_integer(std::string_view text);
// true, false, on, off, yes, no.
std::optional<bool> parse_boolean(std::string_view text);
// "host:port", "[::1]:port". An absolute path is a Unix socket directory: "/run/postgresql:5432".
std::optional<Endpoint> parse_endpoint(std::string_view text);

// "redis://host", "rediss://host:port/3"; port 6379 and database 0 if there is none.
std::optional<RedisAddress> parse_redis_url(std::string_view text);

// The largest unit that divides the value.
std::string print_duration(milliseconds duration);
std::string print_size(std::uint64_t bytes);
std::string print_endpoint(const Endpoint& endpoint);

// The candidate that is nearest to `word` by edit distance, or empty if none is near enough to be meant.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace larder::config
