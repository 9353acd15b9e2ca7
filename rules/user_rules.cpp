#include "rules/user_rules.h"

#include <algorithm>
#include <charconv>

#include <re2/re2.h>

namespace larder::rules {

namespace {

// What one compiled regular expression may take; RE2 refuses those that need more.
constexpr std::int64_t kRegexBytesMax = 1 << 20;

struct CompiledRule {
    config::Rule rule;
    std::unique_ptr<re2::RE2> regex;   // null: any text
    std::uint64_t fingerprint = 0;     // 0: any
};

[[noreturn]] void fail(const config::Rule& rule, const std::string& what) {
    throw config::ConfigError((rule.line > 0 ? "line " + std::to_string(rule.line) + ": " : "") + "rule '" + rule.name + "': " + what);
}

CompiledRule compile(const config::Rule& rule) {
    CompiledRule compiled;
    compiled.rule = rule;
    if (!rule.match.regex.empty()) {
        re2::RE2::Options options;
        options.set_log_errors(false);
        options.set_max_mem(kRegexBytesMax);
        compiled.regex = std::make_unique<re2::RE2>(rule.match.regex, options);
        if (!compiled.regex->ok()) fail(rule, "regex: " + compiled.regex->error());
    }
    const std::string_view text = rule.match.fingerprint;
    if (!text.empty()) {
        // As the console and the API print them: up to 16 hexadecimal digits.
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), compiled.fingerprint, 16);
        if (error != std::errc{} || end != text.data() + text.size() || compiled.fingerprint == 0) {
            fail(rule, "fingerprint is not a hexadecimal number: " + rule.match.fingerprint);
        }
    }
    return compiled;
}

// "orders" is the same as "public.orders".
bool is_table(std::string_view wanted, std::string_view qualified) {
    if (wanted == qualified) return true;
    constexpr std::string_view kPublic = "public.";
    return wanted.find('.') == std::string_view::npos && qualified.starts_with(kPublic) && qualified.substr(kPublic.size()) == wanted;
}

bool matches(const CompiledRule& compiled, const RuleMatchInput& input) {
    const auto& match = compiled.rule.match;
    if (!match.database.empty() && match.database != input.database) return false;
    if (!match.role.empty() && match.role != input.role) return false;
    if (compiled.fingerprint != 0 && compiled.fingerprint != input.fingerprint) return false;
    if (!match.table.empty() && std::none_of(input.tables.begin(), input.tables.end(), [&](const auto& table) { return is_table(match.table, table); })) return false;
    return compiled.regex == nullptr || re2::RE2::PartialMatch(re2::StringPiece(input.text.data(), input.text.size()), *compiled.regex);
}

}  // namespace

struct UserRules::Impl {
    std::vector<CompiledRule> rules;
    bool needs_fingerprint = false;
    std::vector<QuarantinedShape> quarantined;
    std::chrono::milliseconds default_ttl = config::CacheConfig{}.ttl;
    FreshnessLevel default_freshness = FreshnessLevel::strict;
};

UserRules::UserRules() : impl_(std::make_unique<Impl>()) {}
UserRules::~UserRules() = default;
UserRules::UserRules(UserRules&&) noexcept = default;
UserRules& UserRules::operator=(UserRules&&) noexcept = default;

UserRules::UserRules(const config::Config& config, std::vector<QuarantinedShape> quarantined) : UserRules() {
    impl_->needs_fingerprint = !quarantined.empty();
    impl_->quarantined = std::move(quarantined);
    impl_->default_ttl = config.cache.ttl;
    impl_->default_freshness = config.freshness.level;
    impl_->rules.reserve(config.rules.size());
    for (const auto& rule : config.rules) {
        impl_->rules.push_back(compile(rule));
        impl_->needs_fingerprint |= impl_->rules.back().fingerprint != 0;
    }
}

const config::Rule* UserRules::match(const RuleMatchInput& input) const {
    for (const auto& compiled : impl_->rules) {
        if (matches(compiled, input)) return &compiled.rule;
    }
    return nullptr;
}

bool UserRules::is_quarantined(std::string_view database, std::uint64_t fingerprint) const {
    return std::any_of(impl_->quarantined.begin(), impl_->quarantined.end(), [&](const QuarantinedShape& shape) {
        return shape.database == database && (shape.fingerprint == 0 || shape.fingerprint == fingerprint);
    });
}

bool UserRules::empty() const { return impl_->rules.empty(); }
bool UserRules::has_tag(std::string_view tag) const {
    return std::any_of(impl_->rules.begin(), impl_->rules.end(), [&](const CompiledRule& compiled) {
        const auto& tags = compiled.rule.tags;
        return std::find(tags.begin(), tags.end(), tag) != tags.end();
    });
}
bool UserRules::needs_fingerprint() const { return impl_->needs_fingerprint; }
std::chrono::milliseconds UserRules::default_ttl() const { return impl_->default_ttl; }
FreshnessLevel UserRules::default_freshness() const { return impl_->default_freshness; }

}  // namespace larder::rules
