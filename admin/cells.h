// Cells of the console's tables, as text, and its errors.
// Threads: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/console.h"

namespace larder::admin {

std::string number(std::uint64_t value);
std::string number(double value, int decimals);
std::string timestamp(std::int64_t wall_clock_us);   // "2026-01-31 12:00:00 UTC"

ConsoleReply done(std::string_view tag);             // without rows
ConsoleReply failure(std::string_view sqlstate, std::string_view error, std::string_view hint = {});

}  // namespace larder::admin
