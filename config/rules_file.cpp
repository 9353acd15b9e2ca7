#include "config/rules_file.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/rule_table.h"

namespace larder::config {

namespace {

constexpr std::string_view kFirstLine = "# Rules made at run time. Larder writes this file anew with each CREATE RULE, ALTER RULE and DROP RULE, down to its last line;\n";
constexpr std::string_view kHeader = "# a change made here by hand counts after a reload (SIGHUP).\n";
constexpr std::string_view kCount = "# rules above: ";

// Where the last line that begins with kCount stands; npos: there is none.
std::size_t find_count(std::string_view text) {
    for (auto at = text.rfind(kCount); at != std::string_view::npos && at > 0; at = text.rfind(kCount, at - 1)) {
        if (text[at - 1] == '\n') return at;
    }
    return std::string_view::npos;
}

int line_of(std::string_view text, std::size_t at) { return 1 + static_cast<int>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n')); }

// The file is all there, as far as it tells.
void check_whole(std::string_view text, const std::vector<Rule>& rules, const std::string& origin) {
    // Cut within its first line it is still Larder's.
    const auto known = std::min(text.size(), kFirstLine.size());
    if (text.substr(0, known) != kFirstLine.substr(0, known)) return;
    if (text.empty()) throw ConfigError(origin, 1, "the file is empty, as if it was cut: restore it, or remove it if there are no rules");
    const auto at = find_count(text);
    if (at == std::string_view::npos) {
        throw ConfigError(origin, line_of(text, text.size() - 1), "the file ends without its last line, \"" + std::string(kCount) + "…\", as if it was cut: restore it, or write that line with the number of rules");
    }
    const int line = line_of(text, at);
    auto said = text.substr(at + kCount.size());
    said = said.substr(0, said.find_first_of("\r\n"));
    const auto found = std::to_string(std::count_if(rules.begin(), rules.end(), [&](const Rule& rule) { return rule.line < line; }));
    if (said != found) {
        throw ConfigError(origin, line, "there are " + found + " rules above this line, which says \"" + std::string(said) + "\": restore the file, or write " + found + " here if no rule is missing");
    }
}

}  // namespace

std::string print_rules_file(const std::vector<Rule>& rules) {
    std::string text;
    text.append(kFirstLine).append(kHeader);
    for (const auto& rule : rules) text += '\n' + print_rule(rule);
    return text.append("\n").append(kCount) + std::to_string(rules.size()) + '\n';
}

std::optional<std::string> read_rules_file(const std::string& file) {
    std::error_code error;
    const auto status = std::filesystem::status(file, error);
    if (status.type() == std::filesystem::file_type::not_found) return std::nullopt;
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    // An empty file gives nothing to copy, which the stream takes for a failure.
    if (in.is_open() && in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();
    if (!std::filesystem::is_regular_file(status) || !in.is_open() || in.bad() || text.fail()) throw ConfigError(file, 0, "cannot be read");
    return text.str();
}

std::vector<Rule> read_rules_text(const std::string& text, const std::string& origin) {
    std::vector<Rule> rules;
    try {
        const auto root = toml::parse(text, origin);
        for (const auto& [key, node] : root) {
            if (key != "rule") throw ConfigError(origin, static_cast<int>(node.source().begin.line), "only [[rule]] may stand in this file");
        }
        if (const auto* found = root.get("rule")) rules = read_rules(*found, origin);
    } catch (const toml::parse_error& error) {
        throw ConfigError(origin, static_cast<int>(error.source().begin.line), std::string(error.description()));
    }
    check_whole(text, rules, origin);
    return rules;
}

}  // namespace larder::config
