// The rules in force: those of larder.toml, and before them those made at run time, which are kept in a file of their own.
//
// That file is written anew, atomically, with each change, and only then is the change in force: what was acknowledged survives a
// crash, and the file and the rules that workers go by never disagree. A file that cannot be read stops the start, since a rule in it
// may be what keeps a statement out of the cache. A file that somebody else has changed since is not written over.
//
// Threads: any. Commands and reloads are one at a time, files and all: what a reload has read is still so when it is put in force.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/thread_annotations.h"
#include "base/traffic.h"
#include "config/rule_book.h"
#include "proxy/call_history.h"
#include "rules/user_rules.h"

namespace larder::proxy {

class RuleStore final : public config::RuleBook {
public:
    struct Wiring {
        std::function<void(std::shared_ptr<const rules::UserRules>)> publish;   // to all workers
        std::function<std::vector<StatementRow>()> statements;                  // that were counted so far
        std::function<std::vector<std::string>(const std::string& database, const std::vector<Oid>& relations)> table_names;
        std::function<bool(const std::string& schema, const std::string& name)> is_table = {};  // of some database whose catalogue is known
        // After a change, or before a rule goes: with what the rule is then. It must not come back here.
        std::function<void(const config::RuleCommand& command, const config::RuleOptions& options)> changed = {};
    };
    // Reads the file, and publishes. `file` empty: rules made at run time are forgotten at the end. Throws config::ConfigError.
    RuleStore(const config::Config& config, std::string file, Wiring wiring);

    // Puts in force another larder.toml, and the file as it is now. `rest`: what else belongs to the reload, called once the rules were
    // read; what it throws is thrown on. Throws config::ConfigError, too; nothing has changed here then.
    void reload(const config::Config& config, const std::function<void()>& rest = [] {});

    // Puts these in force, beside the rules. They are not kept in the file of rules.
    void set_quarantined(std::vector<rules::QuarantinedShape> shapes);

    std::vector<config::RuleRow> rules() const override;
    void run(const config::RuleCommand& command) override;
    config::RuleMatches matches(const config::RuleOptions& options) const override;
    std::string file() const override { return file_; }

    // To be called now and then: so that matches() can tell the last hour's calls.
    void remember_calls(Instant at);

private:
    void check_tables(const config::Rule& rule) const;
    std::vector<config::Rule> changed(const config::RuleCommand& command) const LARDER_REQUIRES(mutex_);
    std::string keep(const std::vector<config::Rule>& made) LARDER_REQUIRES(mutex_);

    const std::string file_;
    const Wiring wiring_;
    CallHistory history_;
    mutable Mutex mutex_;
    config::Config config_ LARDER_GUARDED_BY(mutex_);               // without its rules: what they are compiled with
    std::vector<config::Rule> fixed_ LARDER_GUARDED_BY(mutex_);     // of larder.toml
    std::vector<config::Rule> made_ LARDER_GUARDED_BY(mutex_);      // at run time
    std::vector<rules::QuarantinedShape> quarantined_ LARDER_GUARDED_BY(mutex_);
    std::optional<std::string> text_ LARDER_GUARDED_BY(mutex_);     // of the file, as it was last read or written; none: there was none
};

}  // namespace larder::proxy
