// The words of pg_hba.conf and pg_ident.conf, as PostgreSQL's tokenizer gives them: lines of fields, fields of words.
// Threads: functions of their arguments.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace larder::protocol {

struct HbaWord {
    std::string text;
    bool is_quoted = false;   // it began with a quotation mark: never a keyword, never a file
};
using HbaField = std::vector<HbaWord>;

struct HbaLine {
    int line = 0;             // where it begins, from 1
    std::vector<HbaField> fields;
};

// The next line that holds anything, cut off the front of `text`; `line` counts those that were read. Nothing: the end, or, with `problem` set, a mistake
// in `line`.
std::optional<HbaLine> next_hba_line(Bytes& text, int& line, const char*& problem);

}  // namespace larder::protocol
