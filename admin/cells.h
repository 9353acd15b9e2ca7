// Cells of the console's tables, as text.
// Threads: any.
#pragma once

#include <cstdint>
#include <string>

namespace larder::admin {

std::string number(std::uint64_t value);
std::string number(double value, int decimals);
std::string timestamp(std::int64_t wall_clock_us);   // "2026-01-31 12:00:00 UTC"

}  // namespace larder::admin
