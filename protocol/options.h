// StartupOptions: the start-up parameter "options", which carries a server's command line switches.
//
// Split as PostgreSQL splits it: white space separates words, a backslash takes the next character as it is. Words are
// read like getopt() reads them: "-c name=value", "-cname=value", "--name=value"; in names '-' stands for '_'.
// The old one-letter switches that stand for one setting (-B, -e, -F, -S …) are known as well.
//
// What is not understood leaves is_complete false: the session then forwards the text to PostgreSQL, which says what
// is wrong with it or applies it, and must treat the settings as unknown. Threads: a pure function.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"

namespace larder::protocol {

struct StartupOptions {
    struct Setting {
        std::string name;  // as written, with '_' for '-'; PostgreSQL compares names without case
        std::string value;
    };
    std::vector<Setting> settings;  // in order; a later one overrides
    bool is_complete = true;
};

// The words of `text`, unescaped.
std::vector<std::string> split_options(Bytes text);

StartupOptions parse_options(Bytes text);

}  // namespace larder::protocol
