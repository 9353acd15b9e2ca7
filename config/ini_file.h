// An ini file as PgBouncer reads it: [sections] of `key = value`, comments with ';' or '#' at the beginning of a line, %include.
// Threads: functions of their arguments; they read files.
#pragma once

#include <string>
#include <vector>

namespace larder::config {

struct IniEntry {
    std::string section, key, value;
    std::string file;
    int line = 0;
};

// In the order of the file. Throws ConfigError with file and line.
std::vector<IniEntry> read_ini_file(const std::string& path);

// "host=127.0.0.1 dbname='a b'" in pairs; a quote inside quotes is doubled. Throws std::invalid_argument.
std::vector<std::pair<std::string, std::string>> connection_words(const std::string& text);

}  // namespace larder::config
