#include "config/rule_command.h"

#include <algorithm>

namespace larder::config {

namespace {

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' || (c & 0x80) != 0; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

class Reader {
public:
    explicit Reader(std::string_view text) : text_(text) { skip_blanks(); }

    // A keyword, in lower case.
    bool take_word(std::string_view word) {
        if (text_.size() < word.size() || (text_.size() > word.size() && is_word(text_[word.size()]))) return false;
        if (!std::equal(word.begin(), word.end(), text_.begin(), [](char wanted, char c) { return wanted == lower(c); })) return false;
        advance(word.size());
        return true;
    }

    bool take_sign(char sign) {
        if (!text_.starts_with(sign)) return false;
        advance(1);
        return true;
    }

    void want_word(std::string_view word) {
        if (!take_word(word)) fail("expected " + std::string(word));
    }
    void want_sign(char sign) {
        if (!take_sign(sign)) fail(std::string("expected ") + sign);
    }

    // Folded, or as it stands in double quotes.
    std::string identifier(const char* what) {
        if (text_.starts_with('"')) return quoted('"');
        auto word = bare(what);
        std::transform(word.begin(), word.end(), word.begin(), lower);
        return word;
    }

    std::string value() { return text_.starts_with('\'') ? quoted('\'') : bare("a value"); }

    void want_end() {
        take_sign(';');
        if (!text_.empty()) fail("nothing more may follow");
    }

    [[noreturn]] void fail(const std::string& what) const {
        constexpr std::size_t kShownMax = 40;
        throw ConfigError(what + (text_.empty() ? " at the end" : " at \"" + std::string(text_.substr(0, kShownMax)) + "\""));
    }

private:
    void skip_blanks() {
        for (;;) {
            while (!text_.empty() && is_blank(text_.front())) text_.remove_prefix(1);
            if (text_.starts_with("--")) text_.remove_prefix(std::min(text_.find('\n'), text_.size()));
            else if (text_.starts_with("/*")) text_.remove_prefix(text_.find("*/", 2) == std::string_view::npos ? text_.size() : text_.find("*/", 2) + 2);
            else return;
        }
    }

    void advance(std::size_t bytes) {
        text_.remove_prefix(bytes);
        skip_blanks();
    }

    std::string bare(const char* what) {
        const auto end = std::find_if_not(text_.begin(), text_.end(), is_word);
        if (end == text_.begin()) fail(std::string("expected ") + what);
        std::string word(text_.begin(), end);
        advance(word.size());
        return word;
    }

    std::string quoted(char quote) {
        std::string out;
        for (std::size_t at = 1; at < text_.size(); ++at) {
            if (text_[at] == quote && (at + 1 == text_.size() || text_[at + 1] != quote)) return advance(at + 1), out;
            if (text_[at] == quote) ++at;
            out += text_[at];
        }
        fail(std::string("expected another ") + quote + " behind");
    }

    std::string_view text_;
};

void read_options(Reader& reader, RuleOptions& options) {
    reader.want_sign('(');
    do {
        const auto key = reader.identifier("a key such as table or ttl");
        reader.want_sign('=');
        if (!options.emplace(key, reader.value()).second) throw ConfigError("the key '" + key + "' is given twice");
    } while (reader.take_sign(','));
    reader.want_sign(')');
}

void read_keys(Reader& reader, std::vector<std::string>& keys) {
    reader.want_sign('(');
    do keys.push_back(reader.identifier("a key such as table or ttl"));
    while (reader.take_sign(','));
    reader.want_sign(')');
}

void read_changes(Reader& reader, RuleCommand& command) {
    bool is_changed = false;
    for (;; is_changed = true) {
        if (reader.take_word("set")) read_options(reader, command.set);
        else if (reader.take_word("reset")) read_keys(reader, command.reset);
        else break;
    }
    if (!is_changed) reader.fail("expected SET (…) or RESET (…)");
}

std::string in_quotes(std::string_view text, char quote) {
    std::string out(1, quote);
    for (const char c : text) out.append(c == quote ? 2 : 1, c);
    return out + quote;
}

}  // namespace

const std::vector<std::string>& rule_option_keys() {
    static const std::vector<std::string> kKeys{"table", "fingerprint", "regex", "role", "database", "cache", "ttl", "max_stale", "freshness", "tags"};
    return kKeys;
}

bool is_rule_command(std::string_view text) {
    Reader reader(text);
    return (reader.take_word("create") || reader.take_word("alter") || reader.take_word("drop")) && reader.take_word("rule");
}

std::string parse_explain_rule(std::string_view text) {
    Reader reader(text);
    reader.want_word("explain");
    reader.want_word("rule");
    auto name = reader.identifier("the rule's name");
    reader.want_end();
    return name;
}

RuleCommand parse_rule_command(std::string_view text) {
    using enum RuleCommand::Kind;
    Reader reader(text);
    RuleCommand command;
    command.kind = reader.take_word("create") ? create : reader.take_word("alter") ? alter : drop;
    if (command.kind == drop) reader.want_word("drop");
    reader.want_word("rule");
    if (command.kind == drop && reader.take_word("if")) {
        reader.want_word("exists");
        command.if_exists = true;
    }
    command.name = reader.identifier("the rule's name");
    if (command.kind == create) {
        if (reader.take_word("before")) command.before = reader.identifier("the name of another rule");
        reader.want_word("with");
        read_options(reader, command.set);
    } else if (command.kind == alter) {
        read_changes(reader, command);
    }
    reader.want_end();
    return command;
}

std::string print_create_rule(const std::string& name, const RuleOptions& options) {
    std::string out = "CREATE RULE " + in_quotes(name, '"') + " WITH (";
    const char* separator = "";
    for (const auto& [key, value] : options) {
        out += separator + key + " = " + in_quotes(value, '\'');
        separator = ", ";
    }
    return out + ")";
}

std::string print_drop_rule(const std::string& name) { return "DROP RULE IF EXISTS " + in_quotes(name, '"'); }

}  // namespace larder::config
