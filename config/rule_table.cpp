#include "config/rule_table.h"

#include <algorithm>
#include <set>

#include "config/options.h"
#include "config/values.h"

namespace larder::config {

namespace {

constexpr std::size_t kTagsMax = 16;
constexpr std::size_t kRuleTextBytesMax = 4096;  // of each string
constexpr milliseconds kMaxStaleMax = std::chrono::hours(24);

bool is_match_key(std::string_view key) { return key == "table" || key == "fingerprint" || key == "regex" || key == "role" || key == "database"; }

[[noreturn]] void refuse_key(const std::string& key) {
    const auto meant = nearest(key, rule_option_keys());
    throw ConfigError("unknown key '" + key + "'" + (meant.empty() ? "" : "; did you mean '" + meant + "'?"));
}

// "a, b"
toml::array split_tags(std::string_view text) {
    toml::array tags;
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        auto tag = text.substr(0, comma);
        while (tag.starts_with(' ')) tag.remove_prefix(1);
        while (tag.ends_with(' ')) tag.remove_suffix(1);
        if (!tag.empty()) tags.push_back(std::string(tag));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return tags;
}

class RuleReader {
public:
    RuleReader(const toml::table& table, const std::string& origin) : table_(table), origin_(origin) {
        rule_.line = static_cast<int>(table.source().begin.line);
    }

    Rule read() {
        // The name first, whatever the order: errors about the other keys say it.
        if (const auto* name = table_.get("name")) read_key("name", *name);
        for (const auto& [key, node] : table_) read_key(key.str(), node);
        if (rule_.name.empty()) fail(rule_.line, "a rule needs a name");
        return rule_;
    }

private:
    [[noreturn]] void fail(int line, const std::string& problem) const {
        const auto text = (rule_.name.empty() ? "rule: " : "rule '" + rule_.name + "': ") + problem;
        if (origin_.empty()) throw ConfigError(text);
        throw ConfigError(origin_, line, text);
    }
    [[noreturn]] void fail(const toml::node& node, const std::string& problem) const { fail(static_cast<int>(node.source().begin.line), problem); }

    std::string text(const toml::node& node, std::string_view key) const {
        const auto* value = node.as_string();
        if (value == nullptr) fail(node, std::string(key) + " must be a string");
        if (value->get().size() > kRuleTextBytesMax) fail(node, std::string(key) + " is too long");
        if (value->get().find('\0') != std::string::npos) fail(node, std::string(key) + " must not hold a NUL byte");
        return value->get();
    }

    // Empty it would stand for no condition at all, and the rule match what nobody meant.
    std::string match_text(const toml::node& node, std::string_view key) const {
        auto value = text(node, key);
        if (value.empty()) fail(node, std::string(key) + " is empty: leave the key out for a rule that matches whatever it is");
        return value;
    }

    // As the catalogue names it. What could never be a table's name is refused, or the rule would be in force and do nothing.
    std::string table_text(const toml::node& node) const {
        const auto value = match_text(node, "table");
        std::string plain = value;
        std::erase(plain, '"');
        const auto first = plain.find_first_not_of(" \t\n\r"), last = plain.find_last_not_of(" \t\n\r");
        plain = first == std::string::npos ? "" : plain.substr(first, last - first + 1);
        const auto dots = std::count(plain.begin(), plain.end(), '.');
        if (dots > 1) {
            const auto schema = plain.find('.') + 1;
            fail(node, "table must be a table or schema.table: '" + value + "' has more parts" +
                           (dots == 2 ? "; for a table of one database write table = '" + plain.substr(schema) + "', database = '" + plain.substr(0, schema - 1) + "'" : ""));
        }
        if (plain.empty() || plain.front() == '.' || plain.back() == '.') fail(node, "table must be a table or schema.table, not '" + value + "'");
        if (plain != value) fail(node, "table must be written as the catalogue has it, without quotes and blanks: '" + plain + "'");
        return value;
    }

    void read_key(std::string_view key, const toml::node& node) {
        if (key == "name") rule_.name = text(node, key);
        else if (key == "match") read_match(node);
        else if (key == "cache") {
            if (!node.is_boolean()) fail(node, "cache must be true or false");
            rule_.cache = node.value<bool>();
        } else if (key == "ttl") {
            rule_.ttl = parse_duration(text(node, key));
            if (!rule_.ttl || rule_.ttl->count() == 0) fail(node, "ttl must be a duration such as \"30s\"");
        } else if (key == "tags") {
            read_tags(node);
        } else if (key == "max_stale") {
            rule_.max_stale = parse_duration(text(node, key));
            if (!rule_.max_stale || *rule_.max_stale > kMaxStaleMax) fail(node, "max_stale must be a duration of a day at most, such as \"5s\"");
        } else if (key == "freshness") {
            rule_.freshness = parse_freshness_level(text(node, key));
            if (!rule_.freshness) fail(node, "freshness must be strict, bounded or barrier; for answers that may be old there is max_stale");
        } else {
            unknown(node, key, {"name", "match", "cache", "ttl", "max_stale", "freshness", "tags"});
        }
    }

    [[noreturn]] void unknown(const toml::node& node, std::string_view key, const std::vector<std::string>& known) const {
        const auto meant = nearest(key, known);
        fail(node, "unknown key '" + std::string(key) + "'" + (meant.empty() ? "" : "; did you mean '" + meant + "'?"));
    }

    void read_match(const toml::node& node) {
        const auto* match = node.as_table();
        if (match == nullptr) fail(node, "match must be a table such as { table = \"public.orders\" }");
        for (const auto& [key, value] : *match) {
            if (key == "table") rule_.match.table = table_text(value);
            else if (key == "fingerprint") rule_.match.fingerprint = match_text(value, key.str());
            else if (key == "regex") rule_.match.regex = match_text(value, key.str());
            else if (key == "role") rule_.match.role = match_text(value, key.str());
            else if (key == "database") rule_.match.database = match_text(value, key.str());
            else unknown(value, key.str(), {"table", "fingerprint", "regex", "role", "database"});
        }
    }

    void read_tags(const toml::node& node) {
        const auto* tags = node.as_array();
        if (tags == nullptr) fail(node, "tags must be a list of strings");
        if (tags->size() > kTagsMax) fail(node, "has more than " + std::to_string(kTagsMax) + " tags");
        for (const auto& tag : *tags) rule_.tags.push_back(text(tag, "a tag"));
    }

    const toml::table& table_;
    const std::string& origin_;
    Rule rule_;
};

}  // namespace

std::vector<Rule> read_rules(const toml::node& node, const std::string& origin) {
    const int line = static_cast<int>(node.source().begin.line);
    const auto* array = node.as_array();
    if (array == nullptr) throw ConfigError(origin, line, "rules must be written as [[rule]]");
    if (array->size() > kRulesMax) throw ConfigError(origin, line, "there are more than " + std::to_string(kRulesMax) + " rules");
    std::vector<Rule> rules;
    std::set<std::string> names;
    for (const auto& element : *array) {
        const auto* table = element.as_table();
        if (table == nullptr) throw ConfigError(origin, line, "rules must be written as [[rule]]");
        rules.push_back(RuleReader(*table, origin).read());
        if (!names.insert(rules.back().name).second) throw ConfigError(origin, rules.back().line, "there are two rules named '" + rules.back().name + "'");
    }
    return rules;
}

Rule make_rule(const std::string& name, const RuleOptions& options) {
    toml::table table{{"name", name}}, match;
    for (const auto& [key, value] : options) {
        if (is_match_key(key)) match.insert(key, value);
        else if (std::count(rule_option_keys().begin(), rule_option_keys().end(), key) == 0) refuse_key(key);
        else if (key == "tags") table.insert(key, split_tags(value));
        else if (const auto flag = parse_boolean(value); key == "cache" && flag) table.insert(key, *flag);
        else table.insert(key, value);
    }
    table.insert("match", std::move(match));
    static const std::string kNoOrigin;
    return RuleReader(table, kNoOrigin).read();
}

RuleOptions options_of(const Rule& rule) {
    RuleOptions options;
    const auto add = [&](const char* key, const std::string& value) {
        if (!value.empty()) options.emplace(key, value);
    };
    add("table", rule.match.table);
    add("fingerprint", rule.match.fingerprint);
    add("regex", rule.match.regex);
    add("role", rule.match.role);
    add("database", rule.match.database);
    if (rule.cache) add("cache", *rule.cache ? "true" : "false");
    if (rule.ttl) add("ttl", print_duration(*rule.ttl));
    if (rule.max_stale) add("max_stale", print_duration(*rule.max_stale));
    if (rule.freshness) add("freshness", std::string(name(*rule.freshness)));
    std::string tags;
    for (const auto& tag : rule.tags) tags += (tags.empty() ? "" : ", ") + tag;
    add("tags", tags);
    return options;
}

std::string print_rule(const Rule& rule) {
    std::string out = "[[rule]]\nname = " + toml_string(rule.name) + "\nmatch = {";
    const char* separator = " ";
    const auto add = [&](std::string_view key, const std::string& value) {
        if (value.empty()) return;
        out += separator + std::string(key) + " = " + toml_string(value);
        separator = ", ";
    };
    add("table", rule.match.table);
    add("fingerprint", rule.match.fingerprint);
    add("regex", rule.match.regex);
    add("role", rule.match.role);
    add("database", rule.match.database);
    out += " }\n";
    if (rule.cache) out += std::string("cache = ") + (*rule.cache ? "true" : "false") + "\n";
    if (rule.ttl) out += "ttl = " + toml_string(print_duration(*rule.ttl)) + "\n";
    if (rule.max_stale) out += "max_stale = " + toml_string(print_duration(*rule.max_stale)) + "\n";
    if (rule.freshness) out += "freshness = " + toml_string(name(*rule.freshness)) + "\n";
    if (!rule.tags.empty()) {
        out += "tags = [";
        for (std::size_t i = 0; i < rule.tags.size(); ++i) out += (i == 0 ? "" : ", ") + toml_string(rule.tags[i]);
        out += "]\n";
    }
    return out;
}

}  // namespace larder::config
