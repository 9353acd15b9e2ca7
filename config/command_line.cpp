#include "config/command_line.h"

#include <array>
#include <optional>

#include "config/values.h"

namespace larder::config {

namespace {

constexpr std::string_view kUsage =
    "Usage: larder [OPTION]...\n"
    "       larder advise [--json] [--upstream URI] [STATEMENT]   (see larder advise --help)\n"
    "       larder verify [--json] ...                            are the cache's answers right? (see larder verify --help)\n"
    "       larder import PGBOUNCER_INI [USERLIST]                a larder.toml of PgBouncer's configuration\n"
    "A transparent caching proxy for PostgreSQL.\n\n"
    "  --config FILE        read larder.toml from FILE\n"
    "  --listen HOST:PORT   where clients connect (default 127.0.0.1:6432)\n"
    "  --upstream URI       the PostgreSQL behind (default: PGHOST, PGPORT, PGUSER ...)\n"
    "  --admin HOST:PORT    dashboard, metrics and API (default 127.0.0.1:6433)\n"
    "  --set KEY=VALUE      set any key of larder.toml, e.g. --set cache.bytes_max=1GB\n"
    "  --check              check the configuration and exit\n"
    "  --print-config       print every key with its value and meaning, and exit\n"
    "  --version            print the version and exit\n"
    "  --help               print this and exit\n";

// Options that are another way to write --set.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kShorthands{
    {{"--listen", "listen.address"}, {"--upstream", "upstream.uri"}, {"--admin", "admin.address"}}};

bool set_flag(CommandLine& line, std::string_view name) {
    if (name == "--check") line.check = true;
    else if (name == "--print-config") line.print_config = true;
    else if (name == "--version") line.version = true;
    else if (name == "--help" || name == "-h") line.help = true;
    else return false;
    return true;
}

bool takes_value(std::string_view name) {
    if (name == "--config" || name == "--set") return true;
    for (const auto& [shorthand, key] : kShorthands) {
        if (name == shorthand) return true;
    }
    return false;
}

void set_value(CommandLine& line, std::string_view name, const std::string& value) {
    if (name == "--config") {
        line.config_file = value;
    } else if (name == "--set") {
        line.sets.push_back(value);
    } else {
        for (const auto& [shorthand, key] : kShorthands) {
            if (name == shorthand) line.sets.push_back(std::string(key) + "=" + value);
        }
    }
}

[[noreturn]] void unknown(const std::string& argument, std::string_view name) {
    // What stands without an option may be a URI with a password, so it is not repeated.
    if (!argument.starts_with("-")) throw ConfigError("command line", 0, "an argument does not begin with --; the server's address goes after --upstream");
    const auto meant = nearest(name, {"--config", "--listen", "--upstream", "--admin", "--set", "--check", "--print-config", "--version", "--help"});
    throw ConfigError("command line", 0, "unknown option '" + std::string(name) + "'" + (meant.empty() ? "" : "; did you mean '" + meant + "'?"));
}

}  // namespace

CommandLine parse_command_line(const std::vector<std::string>& arguments) {
    CommandLine line;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const auto& argument = arguments[i];
        const auto equals = argument.find('=');
        const auto name = std::string_view(argument).substr(0, equals);
        if (takes_value(name)) {
            std::string value;
            if (equals != std::string::npos) value = argument.substr(equals + 1);
            else if (i + 1 < arguments.size()) value = arguments[++i];
            else throw ConfigError("command line", 0, std::string(name) + " needs a value");
            if (value.empty()) throw ConfigError("command line", 0, std::string(name) + " needs a value");
            set_value(line, name, value);
        } else if (!set_flag(line, argument)) {
            unknown(argument, name);
        }
    }
    return line;
}

std::string_view usage() { return kUsage; }

}  // namespace larder::config
