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

// Statements of one fingerprint in one database that are neither served nor kept, whatever rules and comments say: an answer of theirs was
// found to be wrong (proxy/verifier.h). Fingerprint 0: all of the database.
struct QuarantinedShape {
    std::string database;
    std::uint64_t fingerprint = 0;

    friend bool operator==(const QuarantinedShape&, const QuarantinedShape&) = default;
};

// Immutable; a reload makes a new one. Threads: any.
class UserRules {
public:
    UserRules();
    // Throws config::ConfigError (with the rule's line) for a regular expression that RE2 refuses.
    explicit UserRules(const config::Config& config, std::vector<QuarantinedShape> quarantined = {});
    ~UserRules();
    UserRules(UserRules&&) noexcept;
    UserRules& operator=(UserRules&&) noexcept;

    // The first rule that matches, or null.
    const config::Rule* match(const RuleMatchInput& input) const;
    bool empty() const;
    bool has_tag(std::string_view tag) const;  // some rule has
    bool needs_fingerprint() const;   // some rule matches by fingerprint, or some shape is quarantined
    // A fingerprint of 0, of a text that has none, is quarantined with its whole database only.
    bool is_quarantined(std::string_view database, std::uint64_t fingerprint) const;

    std::chrono::milliseconds default_ttl() const;
    FreshnessLevel default_freshness() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace larder::rules
