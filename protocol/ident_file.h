// Which name of a certificate may log in as which user: pg_ident.conf, in PostgreSQL's syntax.
//
//   MAPNAME   SYSTEM-USERNAME               PG-USERNAME
//   people    "Anna B."                     anna
//   people    /^(.*)@example\.com$          \1
//   people    root                          all
//
// A system name that begins with '/' is a regular expression (RE2's syntax), whose first group stands for \1 in the user's name.
// Lines are read as those of pg_hba.conf are (hba_tokens.h).
// Threads: immutable after parse().
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "protocol/hba_file.h"

namespace larder::protocol {

inline constexpr std::size_t kIdentLinesMax = 100'000;

class IdentFile {
public:
    // `text`: of the file at `path`. Null, with `error`, if a line cannot be read.
    static std::shared_ptr<const IdentFile> parse(const std::string& path, Bytes text, HbaError& error);

    bool allows(Bytes map, Bytes system_name, Bytes user) const;

private:
    struct Line {
        std::string map;
        HbaName system;               // name or regex
        std::string user;
        bool is_for_all = false;      // the keyword `all`
    };
    static bool matches(const Line& line, Bytes system_name, Bytes user);

    std::vector<Line> lines_;
};

}  // namespace larder::protocol
