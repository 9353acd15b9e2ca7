// The rules that are in force, and how they are changed while Larder runs: for admin/ and the advisor. Implemented by proxy/, wired by main.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/rule_command.h"

namespace larder::config {

// Why a command was not carried out; but for not_durable nothing has changed then.
class RuleError : public ConfigError {
public:
    enum class Kind : std::uint8_t {
        invalid,      // a key or value is wrong
        not_found,
        duplicate,    // there is a rule of that name
        fixed,        // it stands in larder.toml
        changed_on_disk,  // the file of rules is not as it was last read or written
        changed_meanwhile,  // the rule is not what RuleCommand::expected says
        not_kept,     // the file of rules could not be written
        not_durable,  // it was: the change is in force, but may not survive a loss of power
    };
    RuleError(Kind kind, const std::string& what) : ConfigError(what), kind_(kind) {}
    Kind kind() const { return kind_; }

private:
    Kind kind_;
};

struct RuleRow {
    std::string name;
    RuleOptions options;
    bool is_fixed = false;           // it stands in larder.toml
};

// What a rule matches of the statements that were counted by shape since the start. A rule's regex is tried on a text with $n in
// the place of constants, and its table on the tables themselves, not on views over them.
struct RuleMatches {
    std::uint64_t shapes = 0, calls = 0, hits = 0;
    std::uint64_t calls_last_hour = 0, hits_last_hour = 0;   // or some minutes more
    std::vector<std::string> examples;   // texts, the most called first; at most three
};

// Threads: any. run() may wait for the disk for some milliseconds.
class RuleBook {
public:
    virtual ~RuleBook() = default;
    // In the order in which they are tried: what was made at run time first.
    virtual std::vector<RuleRow> rules() const = 0;
    std::optional<RuleRow> find(const std::string& name) const {
        for (auto&& rule : rules()) {
            if (rule.name == name) return rule;
        }
        return std::nullopt;
    }
    // Once it returns, the rule is in the file and every worker has been told. Throws RuleError.
    virtual void run(const RuleCommand& command) = 0;
    // Of a rule that there need not be. Throws RuleError (invalid).
    virtual RuleMatches matches(const RuleOptions& options) const = 0;
    // Where rules made at run time are kept; empty: they are forgotten at the end.
    virtual std::string file() const = 0;
};

}  // namespace larder::config
