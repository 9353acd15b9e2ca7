// larder [--config FILE] [--listen HOST:PORT] [--upstream URI] [--admin HOST:PORT] [--set key=value]… [--check]
//        [--print-config] [--version] [--help]
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace larder::config {

struct CommandLine {
    std::string config_file;
    std::vector<std::string> sets;  // --listen, --upstream and --admin are among them, in the order given
    bool check = false, print_config = false, version = false, help = false;
};

// Without the program's own name. Values may follow after a space or an equals sign. Throws ConfigError.
CommandLine parse_command_line(const std::vector<std::string>& arguments);

std::string_view usage();

}  // namespace larder::config
