#include "protocol/hba_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <re2/re2.h>

#include "protocol/hba_tokens.h"

namespace larder::protocol {

namespace {

// What one compiled regular expression may take; RE2 refuses those that need more.
constexpr std::int64_t kRegexBytesMax = 1 << 20;

constexpr std::array<std::pair<HbaMethod, Bytes>, 6> kMethods{{{HbaMethod::trust, "trust"}, {HbaMethod::reject, "reject"}, {HbaMethod::md5, "md5"},
                                                                {HbaMethod::scram_sha_256, "scram-sha-256"}, {HbaMethod::password, "password"}, {HbaMethod::cert, "cert"}}};
constexpr std::array<Bytes, 8> kMethodsOfOthers{"gss", "sspi", "ident", "peer", "pam", "ldap", "radius", "bsd"};

// Beside another file, as PostgreSQL resolves it.
std::string resolved(const std::string& named, const std::string& from) {
    if (named.starts_with('/')) return named;
    const auto slash = from.rfind('/');
    return slash == std::string::npos ? named : from.substr(0, slash + 1) + named;
}

// Everything that can go wrong is thrown from inside the parser, and caught in HbaFile::parse().
struct Mistake {
    HbaError error;
};

class Parser {
public:
    Parser(const HbaReader& read, std::vector<HbaRule>& rules) : read_(read), rules_(rules) {}

    // Named in line `line` of `from`.
    void read_file(const std::string& path, const std::string& from, int line, int depth) {
        const std::string text = text_of(path, from, line, depth);
        for_each_line(path, text, [&](HbaLine& next) {
            if (is_include(next)) return include(path, next, depth);
            if (rules_.size() == kHbaRulesMax) fail("there are more than " + std::to_string(kHbaRulesMax) + " rules");
            rules_.push_back(rule_of(next, depth));
        });
    }

private:
    [[noreturn]] void fail(const std::string& problem) const { throw Mistake{{file_, line_, problem}}; }

    std::string text_of(const std::string& path, const std::string& from, int line, int depth) {
        file_ = from, line_ = line;
        if (depth > kHbaIncludesDeepMax) fail("files name each other more than 10 deep");
        if (++files_ > kHbaFilesMax) fail("more than " + std::to_string(kHbaFilesMax) + " files are named");
        auto text = read_(path);
        if (!text) fail("cannot read \"" + path + "\"");
        if (text->size() > kHbaFileBytesMax) fail("\"" + path + "\" is larger than 4 MiB");
        if (text->find('\0') != std::string::npos) fail("\"" + path + "\" holds a zero byte");
        return std::move(*text);
    }

    template <class Each>
    void for_each_line(const std::string& path, Bytes text, Each each) {
        int number = 0;
        const char* problem = nullptr;
        for (;;) {
            auto line = next_hba_line(text, number, problem);
            file_ = path, line_ = line ? line->line : number;
            if (problem != nullptr) fail(problem);
            if (!line) return;
            each(*line);
        }
    }

    static bool is_include(const HbaLine& line) {
        const auto& first = line.fields[0][0];
        return !first.is_quoted && (first.text == "include" || first.text == "include_if_exists" || first.text == "include_dir");
    }

    void include(const std::string& path, const HbaLine& line, int depth) {
        const std::string& command = line.fields[0][0].text;
        if (command == "include_dir") fail("include_dir is not supported: include each file");
        if (line.fields.size() != 2 || line.fields[1].size() != 1) fail(command + " takes the name of one file");
        const std::string named = resolved(line.fields[1][0].text, path);
        if (command == "include_if_exists" && !read_(named)) return;
        read_file(named, path, line.line, depth + 1);
    }

    // --- one rule

    HbaRule rule_of(const HbaLine& line, int depth) {
        HbaRule rule;
        rule.file = file_, rule.line = line.line;
        std::size_t next = 0;
        const auto field = [&](const char* what) -> const HbaField& {
            if (next == line.fields.size()) fail(std::string("end-of-line before ") + what);
            return line.fields[next++];
        };
        rule.type = type_of(word_of(field("connection type"), "connection type"));
        rule.databases = names_of(field("database specification"), true, depth);
        rule.users = names_of(field("role specification"), false, depth);
        if (rule.type != HbaType::local) {
            const auto& address = word_of(field("IP address specification"), "address");
            const bool takes_mask = set_network(rule, address);
            if (takes_mask) set_mask(rule, word_of(field("netmask specification"), "netmask"));
        }
        rule.method = method_of(word_of(field("authentication method"), "authentication method"));
        if (rule.method == HbaMethod::cert && rule.type != HbaType::hostssl) fail("cert authentication is only supported on hostssl connections");
        while (next < line.fields.size()) {
            for (const auto& option : line.fields[next]) set_option(rule, option.text);
            ++next;
        }
        return rule;
    }

    const HbaWord& word_of(const HbaField& field, const char* what) const {
        if (field.size() != 1) fail(std::string("multiple values specified for ") + what);
        return field[0];
    }

    HbaType type_of(const HbaWord& word) const {
        if (word.text == "local") return HbaType::local;
        // There is no GSSAPI encryption, so every connection is one without.
        if (word.text == "host" || word.text == "hostnogssenc") return HbaType::host;
        if (word.text == "hostssl") return HbaType::hostssl;
        if (word.text == "hostnossl") return HbaType::hostnossl;
        if (word.text == "hostgssenc") fail("GSSAPI encryption is not supported");
        fail("invalid connection type \"" + word.text + "\"");
    }

    std::vector<HbaName> names_of(const HbaField& field, bool are_databases, int depth) {
        std::vector<HbaName> names;
        add_names(names, field, are_databases, depth);
        return names;
    }

    void add_names(std::vector<HbaName>& names, const HbaField& field, bool are_databases, int depth) {
        const std::string file = file_;
        const int line = line_;
        for (const auto& word : field) {
            if (!word.is_quoted && word.text.size() > 1 && word.text[0] == '@') {
                const std::string path = resolved(word.text.substr(1), file);
                const std::string text = text_of(path, file, line, depth + 1);
                for_each_line(path, text, [&](HbaLine& more) {
                    for (const auto& words : more.fields) add_names(names, words, are_databases, depth + 1);
                });
                file_ = file, line_ = line;
                continue;
            }
            if (++names_ > kHbaNamesMax) fail("there are more than " + std::to_string(kHbaNamesMax) + " names");
            names.push_back(name_of(word, are_databases));
        }
    }

    HbaName name_of(const HbaWord& word, bool is_database) const {
        using Kind = HbaName::Kind;
        HbaName name;
        std::string problem;
        if (!make_hba_pattern(word.text, name, problem)) fail(problem);
        if (word.is_quoted || name.kind == Kind::regex) return name;
        if (word.text == "all") name.kind = Kind::all;
        if (!is_database && word.text.starts_with('+')) fail("members of a role (" + word.text + ") are known to the server only: name the users");
        if (is_database && word.text == "sameuser") name.kind = Kind::same_user;
        if (is_database && word.text == "replication") name.kind = Kind::replication;
        if (is_database && (word.text == "samerole" || word.text == "samegroup")) fail("members of a role (" + word.text + ") are known to the server only: name the databases");
        return name;
    }

    // True: the mask is the next field.
    bool set_network(HbaRule& rule, const HbaWord& word) const {
        if (!word.is_quoted && word.text == "all") return false;
        if (!word.is_quoted && (word.text == "samehost" || word.text == "samenet")) fail(word.text + " is not supported: write the network");
        const Bytes text = word.text;
        const auto slash = text.find('/');
        const auto address = IpAddress::parse(text.substr(0, slash));
        if (!address && text.find_first_not_of("0123456789./") != Bytes::npos && text.find(':') == Bytes::npos) {
            fail("names of hosts (" + word.text + ") are not looked up: write the address");
        }
        if (!address) fail("invalid IP address \"" + word.text + "\"");
        rule.network = IpNetwork{*address, {}};
        if (slash == Bytes::npos) return true;
        unsigned bits = 0;
        const auto digits = text.substr(slash + 1);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
        if (error != std::errc() || end != digits.data() + digits.size() || bits > address->bits()) fail("invalid CIDR mask in address \"" + word.text + "\"");
        rule.network = IpNetwork::with_bits(*address, bits);
        return false;
    }

    void set_mask(HbaRule& rule, const HbaWord& word) const {
        const auto mask = IpAddress::parse(word.text);
        if (!mask) fail("invalid IP mask \"" + word.text + "\"");
        if (mask->is_v6 != rule.network->base.is_v6) fail("IP address and mask do not match");
        rule.network->mask = *mask;
    }

    HbaMethod method_of(const HbaWord& word) const {
        for (const auto& [method, name] : kMethods) {
            if (word.text == name) return method;
        }
        if (std::find(kMethodsOfOthers.begin(), kMethodsOfOthers.end(), word.text) != kMethodsOfOthers.end()) fail("the method \"" + word.text + "\" is not supported");
        fail("invalid authentication method \"" + word.text + "\"");
    }

    void set_option(HbaRule& rule, const std::string& option) const {
        const auto equals = option.find('=');
        if (equals == std::string::npos) fail("authentication option not in name=value format: " + option);
        const std::string name = option.substr(0, equals), value = option.substr(equals + 1);
        if (name == "map") {
            if (rule.method != HbaMethod::cert) fail("the option map is only valid for the method cert");
            rule.map = value;
        } else if (name == "clientcert") {
            if (rule.type != HbaType::hostssl) fail("clientcert can only be configured for \"hostssl\" rows");
            if (value == "verify-full") rule.certificate = HbaCertificate::verify_full;
            else if (value == "verify-ca" && rule.method != HbaMethod::cert) rule.certificate = HbaCertificate::verify_ca;
            else fail("invalid value for clientcert: \"" + value + "\"");
        } else if (name == "clientname") {
            if (value != "CN") fail("clientname=" + value + " is not supported: a certificate is known by its CN");
        } else {
            fail("unrecognized authentication option name: \"" + name + "\"");
        }
    }

    const HbaReader& read_;
    std::vector<HbaRule>& rules_;
    std::string file_;   // where the parser is
    int line_ = 0;
    std::size_t names_ = 0;
    int files_ = 0;
};

bool matches(const HbaName& name, const HbaClient& client, Bytes value, bool is_database) {
    // "all" is not for physical replication, which is at home in no database.
    if (is_database && client.is_replication) return name.kind == HbaName::Kind::replication;
    switch (name.kind) {
        case HbaName::Kind::all: return true;
        case HbaName::Kind::same_user: return client.database == client.user;
        case HbaName::Kind::replication: return false;
        case HbaName::Kind::name: return value == name.text;
        case HbaName::Kind::regex: return re2::RE2::PartialMatch(re2::StringPiece(value.data(), value.size()), *name.regex);
    }
    return false;
}

bool matches(const HbaRule& rule, const HbaClient& client) {
    const bool is_local = !client.address.has_value();
    if ((rule.type == HbaType::local) != is_local) return false;
    if (rule.type == HbaType::hostssl && !client.is_tls) return false;
    if (rule.type == HbaType::hostnossl && client.is_tls) return false;
    if (rule.network && !rule.network->holds(*client.address)) return false;
    const auto is_database = [&](const HbaName& name) { return matches(name, client, client.database, true); };
    const auto is_user = [&](const HbaName& name) { return matches(name, client, client.user, false); };
    return std::any_of(rule.databases.begin(), rule.databases.end(), is_database) && std::any_of(rule.users.begin(), rule.users.end(), is_user);
}

}  // namespace

bool make_hba_pattern(const std::string& word, HbaName& name, std::string& problem) {
    name = {};
    name.text = word;
    if (word.size() < 2 || word[0] != '/') return true;
    name.kind = HbaName::Kind::regex;
    name.text.erase(0, 1);
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kRegexBytesMax);
    name.regex = std::make_shared<const re2::RE2>(name.text, options);
    if (!name.regex->ok()) problem = "invalid regular expression \"" + name.text + "\": " + name.regex->error();
    return name.regex->ok();
}

std::shared_ptr<const HbaFile> HbaFile::parse(const std::string& path, const HbaReader& read, HbaError& error) {
    error = {};
    auto file = std::make_shared<HbaFile>();
    try {
        Parser(read, file->rules_).read_file(path, path, 0, 0);
    } catch (const Mistake& mistake) {
        error = mistake.error;
        return nullptr;
    }
    // Nobody could come in, and PostgreSQL says so as well.
    if (file->rules_.empty()) return error = {path, 0, "the file contains no entries"}, nullptr;
    return file;
}

const HbaRule* HbaFile::find(const HbaClient& client) const {
    for (const auto& rule : rules_) {
        if (matches(rule, client)) return &rule;
    }
    return nullptr;
}

}  // namespace larder::protocol
