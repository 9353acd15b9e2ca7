// The advisor beside a running proxy: watches the traffic for statements that are slow or take a large share, looks at one after the
// other on its own connection, and keeps what it advises; deploys when told to (deployer.h).
//
// A statement of a client is never run again. What is planned is an example that was kept, with its values, or the shape without
// values where those are not to be shown.
//
// Threads: one of its own; the AdviceSource calls come from any.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "advisor/advice.h"
#include "advisor/advice_store.h"
#include "advisor/advisor.h"
#include "advisor/deployer.h"
#include "base/advice.h"
#include "base/traffic.h"

namespace larder::advisor {

struct ServiceOptions {
    // Where Larder itself logs in: to this database, with this search_path (names with commas; empty: the login's own).
    std::function<std::string(const std::string& database, const std::string& search_path)> uri;
    std::chrono::milliseconds slow{100};       // mean on the server; 0: not a reason
    double share = 0.05;                       // of all statements' time on the server; 0: not a reason
    // What the catalogue of this database says, if that is known to be true now; else null. Without it no statement is planned.
    std::function<std::shared_ptr<const rules::Catalogue>(const std::string& database)> catalogue;
    bool show_values = true;
    std::chrono::milliseconds poll{2'000};     // how often the traffic is looked at
    std::chrono::seconds again{3'600};         // when a slow statement is looked at anew
    std::chrono::milliseconds answer_life{0};  // no answer is given that is older, for fear of writers that Larder does not see; 0: no such bound
    DeployerOptions deployer;                  // its `uri` is set from the one above
};

class Service final : public AdviceSource, private TrafficSource {
public:
    static constexpr std::size_t kLookedMax = 10'000;   // statements that it knows to have looked at; the earliest are forgotten beyond it
    static constexpr std::size_t kWorkloadMax = 300;    // statements of one database that are weighed together: those that take most time

    // `traffic` must outlive it. Throws std::runtime_error if the history of deployments cannot be read or written.
    Service(ServiceOptions options, const StatementSource& traffic);
    ~Service() override;
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    std::vector<SlowRow> slow_statements(bool with_values) const override;
    std::vector<AdviceRow> advice(bool with_values) const override;
    std::vector<DeploymentRow> deployments(bool with_values) const override;
    std::string deployments_document(bool with_values) const override;
    AdvisorCounts counts() const override;
    void advise_workload(std::uint64_t budget_bytes) override;
    Answer deploy(int advice, std::size_t option, const std::string& asked_by) override;
    Answer revert(int deployment, const std::string& asked_by) override;

private:
    struct Looked {
        std::int64_t at_ms = 0;
        int advice = 0;                        // 0: none
        std::string state;
    };
    Work statement(const std::string& subject) const override;
    Work statement_with_hits(const std::string& subject) const override;
    Work writers(const std::string& database, unsigned table_oid) const override;

    std::vector<Deployment> shown_deployments(bool with_values) const;
    void run();
    void look_at_traffic();
    // False: at present nothing can be told of its database.
    bool look_at(const StatementRow& row, const std::string& found_by);
    void look_at_workload(double budget_bytes);
    // The numbers of the advice it gave are added to `given`.
    void look_at_workload(const std::vector<const StatementRow*>& rows, double budget_bytes, std::set<int>& given);
    Question question_of(const StatementRow& row) const;
    Advisor make_advisor(const std::string& database, const std::string& search_path) const;
    std::vector<Advice> advise(const StatementRow& row);
    void look_at_signals(const std::vector<StatementRow>& rows);
    void keep(AdviceRow advice, Looked& looked);
    void tell_workers(const std::vector<StatementRow>& rows) const;
    bool is_due(const std::string& key) const;
    void was_looked_at(const std::string& key, Looked looked);

    const ServiceOptions options_;
    const StatementSource& traffic_;
    mutable std::mutex mutex_;
    std::condition_variable stopping_;
    AdviceStore advice_;
    std::map<std::string, Looked> looked_;     // guarded by mutex_, like all that follows; by advice_key()
    std::map<int, int> advice_of_deployment_;
    AdvisorCounts counts_;                          // all but what is kept elsewhere
    std::optional<std::uint64_t> wanted_workload_;  // its budget
    bool is_stopping_ = false;
    Wakeup stop_;                              // ends the waits of the thread's connection; any thread
    Deployer deployer_;
    std::thread thread_;                       // last: it uses all of the above
};

}  // namespace larder::advisor
