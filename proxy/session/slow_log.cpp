#include "proxy/session/slow_log.h"

#include <algorithm>
#include <string>

#include "base/log.h"
#include "proxy/session/traffic.h"

namespace larder::session {
namespace {

constexpr std::size_t kTextBytesMax = 8'000;  // of a statement as it was sent

std::string milliseconds_text(std::chrono::microseconds time) {
    const auto us = std::to_string(time.count() % 1'000);
    return std::to_string(time.count() / 1'000) + '.' + std::string(3 - us.size(), '0') + us;
}

std::string statement_text(Bytes text, bool shows_values) {
    if (!shows_values) return shape_of(text);
    return printable(text.substr(0, kTextBytesMax)) + (text.size() > kTextBytesMax ? " …" : "");
}

}  // namespace

// version "-" trace-id "-" parent-id "-" flags, all in lower-case hexadecimal.
std::string_view traceparent_of(Bytes text) {
    constexpr std::string_view kKey = "traceparent='", kForm = "xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
    const auto at = text.rfind(kKey);
    if (at == Bytes::npos) return {};
    const auto value = text.substr(at + kKey.size());
    if (value.size() <= kForm.size() || value[kForm.size()] != '\'') return {};
    for (std::size_t i = 0; i < kForm.size(); ++i) {
        const char c = value[i];
        const bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (kForm[i] == 'x' ? !is_hex : c != '-') return {};
    }
    return value.substr(0, kForm.size());
}

void SlowLog::saw(const SlowStatement& statement) {
    const auto at_least = settings_.at_least.load(std::memory_order_relaxed);
    if (at_least.count() == 0 || statement.took < at_least) return;
    seen.add();
    log_info("slow statement", {{"client", std::to_string(statement.client)},
                                {"ms", milliseconds_text(statement.took)},
                                {"database", printable(statement.database)},
                                {"role", printable(statement.role)},
                                {"application", printable(statement.application_name)},
                                {"rows", std::to_string(statement.rows)},
                                {"bytes", std::to_string(statement.bytes)},
                                {"failed", statement.has_failed ? "yes" : "no"},
                                {"not_cached", statement.reason.empty() ? "-" : std::string(statement.reason)},
                                {"traceparent", std::string(traceparent_of(statement.text))},
                                {"statement", statement_text(statement.text, settings_.shows_values.load(std::memory_order_relaxed))}});
}

}  // namespace larder::session
