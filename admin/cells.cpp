#include "admin/cells.h"

#include <cstdio>
#include <ctime>

namespace larder::admin {

std::string number(std::uint64_t value) { return std::to_string(value); }

std::string number(double value, int decimals) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", decimals, value);
    return text;
}

std::string timestamp(std::int64_t wall_clock_us) {
    const auto seconds = static_cast<std::time_t>(wall_clock_us / 1'000'000);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[64];
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
    return text;
}

ConsoleReply done(std::string_view tag) {
    ConsoleReply reply;
    reply.tag = tag;
    return reply;
}

ConsoleReply failure(std::string_view sqlstate, std::string_view error, std::string_view hint) {
    ConsoleReply reply;
    reply.sqlstate = sqlstate;
    reply.error = error;
    reply.hint = hint;
    return reply;
}

}  // namespace larder::admin
