// PAUSE, RESUME, RECONNECT, WAIT_CLOSE, KILL, DISABLE, ENABLE and SHUTDOWN, as PgBouncer has them.
// Threads: any.
#pragma once

#include <string>
#include <vector>

#include "base/console.h"
#include "base/operations.h"

namespace larder::admin {

struct ControlCommand {
    std::vector<std::string> words;  // as in SHOW HELP: "n" stands for a name that is given
    const char* description;
};
const std::vector<ControlCommand>& control_commands();

bool is_control_command(const std::vector<std::string>& words);   // by its first word, in upper case

// `words`: in upper case; `names`: the same as they were written, without quotes.
ConsoleReply run_control_command(Operations& operations, const std::vector<std::string>& words, const std::vector<std::string>& names);

// SHOW STATE.
ConsoleReply show_state(const Operations& operations);

}  // namespace larder::admin
