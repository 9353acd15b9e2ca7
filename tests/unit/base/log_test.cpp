#include "base/log.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <unistd.h>

#include <catch2/catch.hpp>

using namespace larder;

namespace {

struct LogFile {
    std::string path = (std::filesystem::temp_directory_path() / ("larder-log-test-" + std::to_string(getpid()))).string();
    ~LogFile() {
        init_log({});
        std::filesystem::remove(path);
    }
    std::string text() const {
        std::ostringstream out;
        out << std::ifstream(path).rdbuf();
        return out.str();
    }
};

}  // namespace

TEST_CASE("printable text has no control characters and is UTF-8") {
    CHECK(printable("plain é €  𝄞") == "plain é €  𝄞");
    CHECK(printable("a\nb\r\tc\x1b[31m\x7f") == "a?b??c?[31m?");
    CHECK(printable(std::string_view("a\0b", 3)) == "a?b");
    CHECK(printable("\xc2\x9b" "x") == "?x");            // a control character of two bytes
    CHECK(printable("\xff\xfe") == "??");
    CHECK(printable("\xc3") == "?");                      // cut off
    CHECK(printable("\xe2\x82") == "??");
    CHECK(printable("\xc0\xaf") == "??");                 // an overlong slash
    CHECK(printable("\xe0\x80\xaf") == "???");
    CHECK(printable("\xed\xa0\x80") == "???");            // a surrogate
    CHECK(printable("\xf4\x90\x80\x80") == "????");       // beyond the last character
    CHECK(printable("\xf4\x8f\xbf\xbf") == "\xf4\x8f\xbf\xbf");
    CHECK(printable("").empty());
}

TEST_CASE("text inside of a JSON string") {
    CHECK(json_escaped("a\"b\\c\nd") == "a\\\"b\\\\c\\nd");
    CHECK(json_escaped(std::string_view("\0\x1f\x7f", 3)) == "\\u0000\\u001f\\u007f");
    CHECK(json_escaped("é\xff") == "é?");
}

TEST_CASE("names of levels") {
    CHECK(log_level("trace") == LogLevel::trace);
    CHECK(log_level("debug") == LogLevel::debug);
    CHECK(log_level("warn") == LogLevel::warn);
    CHECK(log_level("error") == LogLevel::error);
    CHECK(log_level("info") == LogLevel::info);
    CHECK(log_level("nonsense") == LogLevel::info);
}

TEST_CASE("an event is one line, whatever is in it") {
    LogFile file;
    init_log({LogLevel::warn, false, file.path});
    CHECK_FALSE(is_logged(LogLevel::info));
    log_info("not this one");
    log_warn("it\nhappened {}", {{"who", "two words"}, {"n", "1"}, {"empty", ""}, {"forged", "x\n2026 error y"}});
    const std::string text = file.text();
    CHECK(std::count(text.begin(), text.end(), '\n') == 1);
    CHECK(text.find("warning it?happened {} who=\"two words\" n=1 empty=\"\" forged=\"x?2026 error y\"\n") != std::string::npos);
}

TEST_CASE("events as JSON") {
    LogFile file;
    init_log({LogLevel::info, true, file.path});
    log_error("it \"broke\"", {{"why", "a\\b\n\xff"}});
    const std::string text = file.text();
    CHECK(text.starts_with("{\"time\":\""));
    CHECK(text.ends_with("\"level\":\"error\",\"event\":\"it \\\"broke\\\"\",\"why\":\"a\\\\b\\n?\"}\n"));
}

TEST_CASE("a file that cannot be opened leaves the log as it was") {
    LogFile file;
    init_log({LogLevel::info, false, file.path});
    CHECK_THROWS_AS(init_log({LogLevel::info, false, "/proc/none/log"}), std::runtime_error);
    log_info("still here");
    CHECK(file.text().find("still here") != std::string::npos);
}

TEST_CASE("a flood of one event is cut, counted and told of, and leaves others alone") {
    LogFile file;
    init_log({LogLevel::info, false, file.path});
    int logged = 0;
    const auto flood = [&] { log_info("flood"), ++logged; };
    for (int i = 0; i < 10 * kLogLinesPerSecond; ++i) flood();
    log_info("another event");
    CHECK(file.text().find("another event") != std::string::npos);
    const auto told = [&] {
        std::istringstream lines(file.text());
        int sum = 0;
        for (std::string line; std::getline(lines, line);) {
            if (line.find(" flood") == std::string::npos) continue;
            ++sum;
            const auto at = line.find("left_out_before=");
            if (at != std::string::npos) sum += std::stoi(line.substr(at + 16));
        }
        return sum;
    };
    CHECK(told() < logged);
    while (told() != logged) {  // the next second has lines again, the first of which tells of those that were left out
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        flood();
    }
}
