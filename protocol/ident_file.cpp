#include "protocol/ident_file.h"

#include <re2/re2.h>

#include "protocol/hba_tokens.h"

namespace larder::protocol {

std::shared_ptr<const IdentFile> IdentFile::parse(const std::string& path, Bytes text, HbaError& error) {
    error = {path, 0, {}};
    auto file = std::make_shared<IdentFile>();
    if (text.size() > kHbaFileBytesMax) return error.problem = "the file is larger than 4 MiB", nullptr;
    if (text.find('\0') != Bytes::npos) return error.problem = "the file holds a zero byte", nullptr;
    int number = 0;
    const char* problem = nullptr;
    while (const auto line = next_hba_line(text, number, problem)) {
        error.line = line->line;
        const auto fail = [&error](std::string what) { return error.problem = std::move(what), nullptr; };
        if (line->fields.size() != 3) return fail("a line has a map, a system user name and a PostgreSQL user name");
        for (const auto& field : line->fields) {
            if (field.size() != 1) return fail("multiple values in ident field");
        }
        if (file->lines_.size() == kIdentLinesMax) return fail("there are more than " + std::to_string(kIdentLinesMax) + " lines");
        const auto &system = line->fields[1][0], &user = line->fields[2][0];
        Line entry{line->fields[0][0].text, {}, user.text, !user.is_quoted && user.text == "all"};
        std::string mistake;
        if (!make_hba_pattern(system.text, entry.system, mistake)) return fail(std::move(mistake));
        const bool has_group = entry.system.regex != nullptr && entry.system.regex->NumberOfCapturingGroups() > 0;
        if (user.text.find("\\1") != std::string::npos && !has_group) return fail("\\1 stands for the first group of a regular expression, and there is none");
        file->lines_.push_back(std::move(entry));
    }
    error.line = number;
    if (problem != nullptr) return error.problem = problem, nullptr;
    error = {};
    return file;
}

bool IdentFile::matches(const Line& line, Bytes system_name, Bytes user) {
    if (line.system.regex == nullptr) return system_name == line.system.text && (line.is_for_all || user == line.user);
    const int groups = std::min(1, line.system.regex->NumberOfCapturingGroups());
    re2::StringPiece found[2];
    const re2::StringPiece text(system_name.data(), system_name.size());
    if (!line.system.regex->Match(text, 0, text.size(), re2::RE2::UNANCHORED, found, groups + 1)) return false;
    if (line.is_for_all) return true;
    std::string wanted = line.user;
    const auto at = wanted.find("\\1");
    if (at != std::string::npos) wanted.replace(at, 2, found[1].data() == nullptr ? "" : std::string(found[1].data(), found[1].size()));
    return user == wanted;
}

bool IdentFile::allows(Bytes map, Bytes system_name, Bytes user) const {
    for (const auto& line : lines_) {
        if (map == line.map && matches(line, system_name, user)) return true;
    }
    return false;
}

}  // namespace larder::protocol
