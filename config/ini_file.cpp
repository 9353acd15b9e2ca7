#include "config/ini_file.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include "config/config.h"

namespace larder::config {

namespace {

constexpr int kIncludesDeepMax = 10;
constexpr std::size_t kEntriesMax = 100'000;

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(" \t\r");
    return first == std::string::npos ? std::string() : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

void read_into(std::vector<IniEntry>& entries, const std::string& path, std::string& section, int depth, const std::string& from, int from_line) {
    if (depth > kIncludesDeepMax) throw ConfigError(from, from_line, "files include each other more than 10 deep");
    std::ifstream in(path);
    if (!in) throw ConfigError(from, from_line, "cannot read " + path);
    std::string raw;
    for (int number = 1; std::getline(in, raw); ++number) {
        const auto line = trimmed(raw);
        if (line.empty() || line[0] == ';' || line[0] == '#') continue;
        if (line.starts_with("%include")) {
            // Relative names are relative to where PgBouncer was started; here, to the file.
            auto named = trimmed(line.substr(std::string("%include").size()));
            if (!named.starts_with('/')) named = path.substr(0, path.rfind('/') + 1) + named;
            read_into(entries, named, section, depth + 1, path, number);
            continue;
        }
        if (line[0] == '[') {
            if (line.back() != ']') throw ConfigError(path, number, "a section ends with ]");
            section = trimmed(line.substr(1, line.size() - 2));
            continue;
        }
        const auto equals = line.find('=');
        if (equals == std::string::npos) throw ConfigError(path, number, "this is no section, no comment and no key = value");
        if (section.empty()) throw ConfigError(path, number, "a key stands before the first section");
        if (entries.size() == kEntriesMax) throw ConfigError(path, number, "there are too many keys");
        entries.push_back({section, trimmed(line.substr(0, equals)), trimmed(line.substr(equals + 1)), path, number});
    }
}

}  // namespace

std::vector<IniEntry> read_ini_file(const std::string& path) {
    std::vector<IniEntry> entries;
    std::string section;
    read_into(entries, path, section, 0, path, 0);
    return entries;
}

std::vector<std::pair<std::string, std::string>> connection_words(const std::string& text) {
    std::vector<std::pair<std::string, std::string>> words;
    for (std::size_t at = 0;;) {
        at = text.find_first_not_of(" \t", at);
        if (at == std::string::npos) return words;
        const auto equals = text.find('=', at);
        if (equals == std::string::npos) throw std::invalid_argument("a word without '='");
        auto& [name, value] = words.emplace_back(trimmed(text.substr(at, equals - at)), "");
        at = text.find_first_not_of(" \t", equals + 1);
        if (at == std::string::npos) return words;
        if (text[at] != '\'') {
            const auto end = std::min(text.find_first_of(" \t", at), text.size());
            value = text.substr(at, end - at);
            at = end;
            continue;
        }
        for (++at;; ++at) {
            if (at >= text.size()) throw std::invalid_argument("a quote that does not end");
            const bool is_doubled = text[at] == '\'' && at + 1 < text.size() && text[at + 1] == '\'';
            if (text[at] == '\'' && !is_doubled) break;
            at += is_doubled ? 1 : 0;
            value += text[at];
        }
        ++at;
    }
}

}  // namespace larder::config
