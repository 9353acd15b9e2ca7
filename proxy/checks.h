// What an operator may ask of the answers: are they right (verifier.h), which are kept out (quarantine.h), and what would become of a statement.
//
// Threads: any, as base/verification.h says; start() and stop() are main's.
#pragma once

#include <memory>
#include <string>

#include "base/thread_annotations.h"
#include "base/verification.h"
#include "proxy/quarantine.h"
#include "proxy/rereader.h"
#include "proxy/rule_store.h"
#include "proxy/shared.h"
#include "proxy/verifier.h"

namespace larder::proxy {

class Checks final : public Verification {
public:
    // `quarantine_file`: empty: the list is forgotten at the end. Throws config::ConfigError if it is there and cannot be read.
    Checks(Shared& shared, RuleStore& rules, std::string quarantine_file, Verifier::Hooks hooks, std::function<void(const rules::QuarantinedShape&, bool is_in)> tell_of_quarantine);

    void start();  // nothing is compared where Larder has no login
    void stop();
    void take_over(const config::Config& config) { verifier_.take_over(config.freshness); }

    VerifyStatus verify_status() const override;
    std::optional<std::uint64_t> verify_hottest(std::uint64_t entries) override;
    std::size_t lift_quarantine(const std::string& database, const std::string& fingerprint) override;
    Explanation explain(const ExplainRequest& request, bool may_ask, std::string& error) override;

private:
    std::shared_ptr<const rules::SessionEnv> environment(const ExplainRequest& request, bool may_ask, std::string& error);

    Shared& shared_;
    Quarantine quarantine_;
    Verifier verifier_;
    Wakeup stop_wakeup_;
    Mutex mutex_;
    Rereader asked_ LARDER_GUARDED_BY(mutex_);  // for explain()
};

}  // namespace larder::proxy
