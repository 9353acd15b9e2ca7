// The rules in force: those of larder.toml, and before them those made at run time, which are kept in a file of their own.
//
// That file is written anew, atomically, with each change, and only then is the change in force: what was acknowledged survives a
// crash, and the file and the rules that workers go by never disagree. A file that cannot be read stops the start, since a rule in it
// may be what keeps a statement out of the cache.
//
// Threads: any.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/thread_annotations.h"
#include "base/traffic.h"
#include "config/rule_book.h"
#include "rules/user_rules.h"

namespace larder::proxy {

class RuleStore final : public config::RuleBook {
public:
    struct Wiring {
        std::function<void(std::shared_ptr<const rules::UserRules>)> publish;   // to all workers
        std::function<std::vector<StatementRow>()> statements;                  // that were counted so far
        std::function<std::vector<std::string>(const std::string& database, const std::vector<Oid>& relations)> table_names;
    };
    // Reads the file, and publishes. `file` empty: rules made at run time are forgotten at the end. Throws config::ConfigError.
    RuleStore(const config::Config& config, std::string file, Wiring wiring);

    // Compiled with another larder.toml, and with the file as it is now. Throws config::ConfigError; nothing is in force before take_over().
    struct Reloaded {
        std::vector<config::Rule> fixed, made;
        std::shared_ptr<const rules::UserRules> compiled;
    };
    Reloaded read_again(const config::Config& config) const;
    void take_over(Reloaded reloaded, const config::Config& config);

    std::vector<config::RuleRow> rules() const override;
    void run(const config::RuleCommand& command) override;
    config::RuleMatches matches(const config::RuleOptions& options) const override;
    std::string file() const override { return file_; }

private:
    std::shared_ptr<const rules::UserRules> compile(const std::vector<config::Rule>& made, const std::vector<config::Rule>& fixed) const LARDER_REQUIRES(mutex_);
    std::vector<config::Rule> changed(const config::RuleCommand& command) const LARDER_REQUIRES(mutex_);
    void keep(const std::vector<config::Rule>& made) const;

    const std::string file_;
    const Wiring wiring_;
    mutable Mutex mutex_;
    config::Config config_ LARDER_GUARDED_BY(mutex_);               // without its rules: what they are compiled with
    std::vector<config::Rule> fixed_ LARDER_GUARDED_BY(mutex_);     // of larder.toml
    std::vector<config::Rule> made_ LARDER_GUARDED_BY(mutex_);      // at run time
};

}  // namespace larder::proxy
