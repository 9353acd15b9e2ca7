#include "base/log.h"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/thread_annotations.h"

namespace larder {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
    switch (level) {
        case LogLevel::trace: return spdlog::level::trace;
        case LogLevel::debug: return spdlog::level::debug;
        case LogLevel::info: return spdlog::level::info;
        case LogLevel::warn: return spdlog::level::warn;
        case LogLevel::error: return spdlog::level::err;
    }
    return spdlog::level::info;
}

struct Target {
    std::shared_ptr<spdlog::logger> logger;
    bool json = false;
};

Mutex target_mutex;

std::shared_ptr<const Target>& target_slot() {
    static std::shared_ptr<const Target> slot = [] {
        auto target = std::make_shared<Target>();
        target->logger = std::make_shared<spdlog::logger>("larder", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        target->logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
        return target;
    }();
    return slot;
}

std::shared_ptr<const Target> target() {
    const Lock lock(target_mutex);
    return target_slot();
}

// What there was of each event in this second.
struct Flood {
    std::chrono::steady_clock::time_point began;
    int lines = 0;
    std::uint64_t left_out = 0;
};
Mutex floods_mutex;

// How many lines were left out before this one; nothing if it is to be left out as well.
std::optional<std::uint64_t> admit(std::string_view event) {
    constexpr std::size_t kEventsMax = 1'000;  // there are fewer in the sources
    static std::map<std::string, Flood, std::less<>> floods;
    const Lock lock(floods_mutex);
    auto at = floods.find(event);
    if (at == floods.end()) {
        if (floods.size() >= kEventsMax) return 0;
        at = floods.emplace(event, Flood{}).first;
    }
    Flood& flood = at->second;
    const auto now = std::chrono::steady_clock::now();
    if (now - flood.began >= std::chrono::seconds(1)) flood.began = now, flood.lines = 0;
    if (flood.lines < kLogLinesPerSecond) return ++flood.lines, std::exchange(flood.left_out, 0);
    ++flood.left_out;
    return std::nullopt;
}

bool is_plain_word(std::string_view text) {
    if (text.empty()) return false;
    for (const char c : text) {
        if (c <= ' ' || c == '"' || c == '=' || c == 0x7f) return false;
    }
    return true;
}

}  // namespace

namespace {

// The length of the UTF-8 character at the front of `text`: shortest form, no surrogates; 0 if there is none.
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
    if (length == 0 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return 0;
    }
    if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f)) return 0;
    if ((first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f)) return 0;
    return length;
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const char c = text.front();
        // U+0080 to U+009F are control characters too: some terminals obey them.
        const bool is_control = length == 2 && c == '\xc2' && static_cast<unsigned char>(text[1]) < 0xa0;
        const bool is_shown = length > 1 ? !is_control : length == 1 && c >= ' ' && c != 0x7f;
        if (is_shown) out += text.substr(0, length);
        else out.push_back('?');
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out;
}

std::string json_escaped(std::string_view text) {
    static constexpr char kHex[] = "0123456789abcdef";
    std::string out;
    out.reserve(text.size() + 8);
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const char c = text.front();
        const auto u = static_cast<unsigned char>(c);
        if (length == 0) out.push_back('?');
        else if (length > 1) out += text.substr(0, length);
        else if (c == '"' || c == '\\') (out += '\\') += c;
        else if (c == '\n') out += "\\n";
        else if (u < 0x20 || u == 0x7f) (out += "\\u00") += {kHex[u >> 4], kHex[u & 15]};
        else out.push_back(c);
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out;
}

void init_log(const LogOptions& options) {
    auto next = std::make_shared<Target>();
    spdlog::sink_ptr sink;
    if (options.file.empty()) {
        sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
        try {
            sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file);
        } catch (const spdlog::spdlog_ex& e) {
            throw std::runtime_error("log.file: " + std::string(e.what()));
        }
    }
    next->logger = std::make_shared<spdlog::logger>("larder", std::move(sink));
    next->json = options.json;
    next->logger->set_level(to_spdlog(options.level));
    next->logger->set_pattern(options.json ? "{\"time\":\"%Y-%m-%dT%H:%M:%S.%f%z\",\"level\":\"%l\",%v}" : "%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    next->logger->flush_on(spdlog::level::info);
    const Lock lock(target_mutex);
    target_slot() = std::move(next);
}

LogLevel log_level(std::string_view name) {
    if (name == "trace") return LogLevel::trace;
    if (name == "debug") return LogLevel::debug;
    if (name == "warn" || name == "warning") return LogLevel::warn;
    if (name == "error") return LogLevel::error;
    return LogLevel::info;
}

bool is_logged(LogLevel level) { return target()->logger->should_log(to_spdlog(level)); }

void log(LogLevel level, std::string_view event, LogFields fields) {
    const auto to = target();
    if (!to->logger->should_log(to_spdlog(level))) return;
    const auto left_out = admit(event);
    if (!left_out) return;
    std::string line = to->json ? "\"event\":\"" + json_escaped(event) + "\"" : printable(event);
    const auto add = [&](std::string_view name, const std::string& text) {
        if (to->json) {
            line += ",\"" + json_escaped(name) + "\":\"" + json_escaped(text) + "\"";
        } else {
            const std::string value = printable(text);
            line += " " + std::string(name) + "=" + (is_plain_word(value) ? value : "\"" + json_escaped(value) + "\"");
        }
    };
    for (const auto& field : fields) add(field.name, field.value);
    if (*left_out > 0) add("left_out_before", std::to_string(*left_out));
    to->logger->log(to_spdlog(level), "{}", line);
}

}  // namespace larder
