// The operator's [[rule]]s, compiled: the first that matches a statement counts.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "config/config.h"
#include "sql/facts.h"

namespace larder::rules {

struct RuleMatchInput {
    Bytes text;
    std::uint64_t fingerprint;
    std::string_view database, role;
    const std::vector<std::string>& tables;  // qualified names ("public.orders") of the relations read
};

// Immutable; a reload makes a new one. Threads: any.
class UserRules {
public:
    UserRules();
    // Throws config::ConfigError (with the rule's line) for a regular expression that RE2 refuses.
    explicit UserRules(const config::Config& config);
    ~UserRules();
    UserRules(UserRules&&) noexcept;
    UserRules& operator=(UserRules&&) noexcept;

    // The first rule that matches, or null.
    const config::Rule* match(const RuleMatchInput& input) const;
    bool empty() const;
    bool needs_fingerprint() const;   // some rule matches by fingerprint

    std::chrono::milliseconds default_ttl() const;
    FreshnessLevel default_freshness() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace larder::rules
