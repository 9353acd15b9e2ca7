#include "config/load.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <toml++/toml.h>

#include "config/options.h"
#include "config/rule_table.h"
#include "config/values.h"
#include "config/webhook_table.h"

extern char** environ;  // POSIX, which gives it no header

namespace larder::config {

namespace {

constexpr std::size_t kFileBytesMax = 4u << 20;

// Sections of the design that are yet to come; a typo must not be taken for one.
constexpr std::array<std::string_view, 1> kLaterSections{"cluster"};

[[noreturn]] void unknown_key(const std::string& origin, int line, const std::string& key) {
    for (const auto section : kLaterSections) {
        if (key == section || key.starts_with(std::string(section) + ".")) throw ConfigError(origin, line, "[" + std::string(section) + "] is not available in this version");
    }
    std::vector<std::string> known{"rule", "webhook"};
    for (const auto& option : options()) {
        known.push_back(option.name());
        if (key.find('.') == std::string::npos) known.emplace_back(option.section);
    }
    const auto meant = nearest(key, known);
    throw ConfigError(origin, line, "unknown key '" + key + "'" + (meant.empty() ? "" : "; did you mean '" + meant + "'?"));
}

std::string_view type_name(OptionType type) {
    switch (type) {
        case OptionType::boolean: return "true or false";
        case OptionType::integer: return "a whole number";
        case OptionType::size: return "a size, as a string such as \"256MB\" or a number of bytes";
        case OptionType::duration: return "a duration, as a string such as \"500ms\" or \"1h\"";
        case OptionType::string: case OptionType::endpoint: case OptionType::choice: return "a string";
    }
    return "another type";
}

void set_option(Config& config, const Option& option, std::string_view text, const std::string& origin, int line) {
    if (const auto problem = option.set(config, text); !problem.empty()) throw ConfigError(origin, line, option.name() + " " + problem);
}

void set_from_node(Config& config, const Option& option, const toml::node& node, const std::string& origin) {
    const int line = static_cast<int>(node.source().begin.line);
    const bool takes_number = option.type == OptionType::integer || option.type == OptionType::size;
    if (const auto* text = node.as_string(); text != nullptr && option.type != OptionType::boolean && option.type != OptionType::integer) {
        set_option(config, option, text->get(), origin, line);
    } else if (const auto* number = node.as_integer(); number != nullptr && takes_number) {
        set_option(config, option, std::to_string(number->get()), origin, line);
    } else if (const auto* flag = node.as_boolean(); flag != nullptr && option.type == OptionType::boolean) {
        set_option(config, option, flag->get() ? "true" : "false", origin, line);
    } else {
        throw ConfigError(origin, line, option.name() + " must be " + std::string(type_name(option.type)));
    }
}

void read_table(Config& config, const toml::table& root, const std::string& origin) {
    for (const auto& [key, node] : root) {
        const std::string section(key.str());
        const int line = static_cast<int>(node.source().begin.line);
        if (section == "rule") {
            config.rules = read_rules(node, origin);
            continue;
        }
        if (section == "webhook") {
            config.webhooks = read_webhooks(node, origin);
            continue;
        }
        const auto* table = node.as_table();
        if (table == nullptr) unknown_key(origin, line, section);
        bool is_known_section = false;
        for (const auto& option : options()) is_known_section |= option.section == section;
        if (!is_known_section) unknown_key(origin, line, section);
        for (const auto& [inner, value] : *table) {
            const auto full_name = section + "." + std::string(inner.str());
            const auto* option = find_option(full_name);
            if (option == nullptr) unknown_key(origin, static_cast<int>(value.source().begin.line), full_name);
            set_from_node(config, *option, value, origin);
        }
    }
}

std::string read_file(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw ConfigError(file, 0, "cannot be opened");
    std::string text(kFileBytesMax + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (in.bad()) throw ConfigError(file, 0, "cannot be read");
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.size() > kFileBytesMax) throw ConfigError(file, 0, "is larger than " + print_size(kFileBytesMax));
    return text;
}

void read_toml(Config& config, const std::string& file) {
    try {
        read_table(config, toml::parse(read_file(file), file), file);
    } catch (const toml::parse_error& error) {
        throw ConfigError(file, static_cast<int>(error.source().begin.line), std::string(error.description()));
    }
}

void read_set(Config& config, const std::string& set) {
    const auto equals = set.find('=');
    // Without an equals sign the whole may be a value, even a secret one: it is not repeated.
    if (equals == std::string::npos || equals == 0) throw ConfigError("--set", 0, "must be written as section.key=value");
    const auto key = set.substr(0, equals);
    const auto* option = find_option(key);
    if (option == nullptr) unknown_key("--set", 0, key);
    set_option(config, *option, std::string_view(set).substr(equals + 1), "--set", 0);
}

void read_variables(Config& config, const Environment& environment) {
    for (const auto& option : options()) {
        const auto variable = variable_of(option.section, option.key);
        if (const char* value = environment(variable.c_str()); value != nullptr) set_option(config, option, value, variable, 0);
    }
}

// Other programs have variables of their own that begin with LARDER_: only those that begin as a section's do are meant for here.
void check_variables(const char* const* environment) {
    std::vector<std::string> known, sections;
    for (const auto& option : options()) known.push_back(variable_of(option.section, option.key)), sections.push_back(variable_of(option.section, ""));
    for (; environment != nullptr && *environment != nullptr; ++environment) {
        const std::string_view entry = *environment;
        const std::string name(entry.substr(0, entry.find('=')));
        const bool is_ours = std::any_of(sections.begin(), sections.end(), [&](const auto& section) { return name.starts_with(section); });
        if (!is_ours || std::find(known.begin(), known.end(), name) != known.end()) continue;
        const auto meant = nearest(name, known);
        throw ConfigError("environment", 0, "no key belongs to " + name + (meant.empty() ? "" : "; did you mean " + meant + "?"));
    }
}

// What only the whole can tell.
void check(const Config& config, const std::string& origin) {
    if (config.cache.entry_bytes_max > config.cache.bytes_max) throw ConfigError(origin, 0, "cache.entry_bytes_max must not be larger than cache.bytes_max");
    if (config.listen.tls_cert_file.empty() != config.listen.tls_key_file.empty()) {
        throw ConfigError(origin, 0, "listen.tls_cert_file and listen.tls_key_file must be given together");
    }
    if (config.admin.tls_cert_file.empty() != config.admin.tls_key_file.empty()) throw ConfigError(origin, 0, "admin.tls_cert_file and admin.tls_key_file must be given together");
    if (config.listen.tls == TlsMode::require && config.listen.tls_cert_file.empty()) throw ConfigError(origin, 0, "listen.tls = \"require\" needs listen.tls_cert_file");
    if (config.admin.enabled && config.admin.address.port == config.listen.address.port && config.admin.address.host == config.listen.address.host) {
        throw ConfigError(origin, 0, "listen.address and admin.address must differ");
    }
}

}  // namespace

Config load(const std::string& file, const std::vector<std::string>& sets, const Environment& environment) {
    Config config;
    const std::string origin = file.empty() ? "configuration" : file;
    if (!file.empty()) read_toml(config, file);
    read_variables(config, environment);
    for (const auto& set : sets) read_set(config, set);
    try {
        resolve_upstream(config.upstream, environment);
        if (!config.upstream.password_file.empty()) config.upstream.password = read_secret(config.upstream.password_file);
    } catch (const std::invalid_argument& error) {
        throw ConfigError(origin, 0, std::string("upstream.uri: ") + error.what());
    }
    check(config, origin);
    return config;
}

Config load(const std::string& file, const std::vector<std::string>& sets) {
    check_variables(environ);
    return load(file, sets, [](const char* variable) -> const char* { return std::getenv(variable); });
}

std::string variable_of(std::string_view section, std::string_view key) {
    std::string name = "LARDER_" + std::string(section) + '_' + std::string(key);
    for (char& c : name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return name;
}

std::string print_config(const Config& config) {
    std::ostringstream out;
    std::string_view section;
    const Config defaults;
    for (const auto& option : options()) {
        if (option.section != section) {
            out << (section.empty() ? "" : "\n") << '[' << option.section << "]\n";
            section = option.section;
        }
        out << "# " << option.doc << '.';
        if (!option.bounds.empty()) out << ' ' << static_cast<char>(std::toupper(static_cast<unsigned char>(option.bounds.front()))) << option.bounds.substr(1) << '.';
        out << " Default: " << option.print(defaults) << '.';
        if (option.needs_restart) out << " A change needs a restart.";
        out << '\n' << option.key << " = " << option.print(config) << '\n';
    }
    for (const auto& rule : config.rules) out << '\n' << print_rule(rule);
    for (const auto& webhook : config.webhooks) out << '\n' << print_webhook(webhook);
    return out.str();
}

std::vector<std::string> changes_that_need_restart(const Config& before, const Config& after) {
    std::vector<std::string> changed;
    for (const auto& option : options()) {
        if (option.needs_restart && option.print(before) != option.print(after)) changed.push_back(option.name());
    }
    // The printed URI does not show it.
    if (before.upstream.password != after.upstream.password) changed.emplace_back("upstream.uri");
    return changed;
}

std::vector<std::string> changes_at_once(const Config& before, const Config& after) {
    std::vector<std::string> changed;
    for (const auto& option : options()) {
        if (!option.needs_restart && option.print(before) != option.print(after)) changed.push_back(option.name());
    }
    const auto differ = [](const auto& was, const auto& is, const auto& print) {
        return !std::equal(was.begin(), was.end(), is.begin(), is.end(), [&](const auto& a, const auto& b) { return print(a) == print(b); });
    };
    if (differ(before.rules, after.rules, print_rule)) changed.emplace_back("[[rule]]");
    if (differ(before.webhooks, after.webhooks, print_webhook)) changed.emplace_back("[[webhook]]");
    return changed;
}

std::string read_secret(const std::string& file) {
    if (file.empty()) return {};
    const auto text = read_file(file);
    auto secret = text.substr(0, text.find_first_of("\r\n"));
    if (secret.empty()) throw ConfigError(file, 1, "the file holds no secret on its first line");
    return secret;
}

}  // namespace larder::config
