// The log: one line per event, as text or JSON. A facade, so that the log library's headers stay in one file.
//
// An event is a short sentence and named fields. Never pass statement texts with values, passwords, keys or secrets:
// nothing here filters them. Nothing on the hot path logs.
// Of one event there are kLogLinesPerSecond lines a second at most, so that who provokes them from outside fills no disk; the rest is counted, and
// told of by the next line of that event, as left_out_before.
// Threads: any, after init_log(); before it, lines of level info and above go to standard error as text.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace larder {

enum class LogLevel : std::uint8_t { trace, debug, info, warn, error };

inline constexpr int kLogLinesPerSecond = 200;

struct LogField {
    std::string_view name;
    std::string value;
};
using LogFields = std::initializer_list<LogField>;

struct LogOptions {
    LogLevel level = LogLevel::info;
    bool json = false;
    std::string file;  // empty: standard error
};

// Throws std::runtime_error if the file cannot be opened. Called again on reload.
void init_log(const LogOptions& options);

// info for a name that is none of the levels'.
LogLevel log_level(std::string_view name);

bool is_logged(LogLevel level);
void log(LogLevel level, std::string_view event, LogFields fields = {});

inline void log_debug(std::string_view event, LogFields fields = {}) { log(LogLevel::debug, event, fields); }
inline void log_info(std::string_view event, LogFields fields = {}) { log(LogLevel::info, event, fields); }
inline void log_warn(std::string_view event, LogFields fields = {}) { log(LogLevel::warn, event, fields); }
inline void log_error(std::string_view event, LogFields fields = {}) { log(LogLevel::error, event, fields); }

// Without control characters, and what is not UTF-8 as question marks: what came from a socket must not be able to forge
// log lines or to break a document that it is shown in.
std::string printable(std::string_view text);
// The text between the quotes of a JSON string; bytes that are not UTF-8 become question marks.
std::string json_escaped(std::string_view text);

}  // namespace larder
