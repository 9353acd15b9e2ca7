// Deploys what it is told to, one thing after the other, watches whether it helped, and takes it back if it did not.
//
// Nothing is deployed unasked. What is going on and what became of it is in list(), in the log and in the history (history.h), from which
// a restarted Larder goes on: what a crash left half built is ended and dropped, and what was being watched is watched anew. Nothing is begun
// that could not be written there.
//
// Threads: a thread of its own does the work; every public function may be called from any. Errors: what goes wrong with a deployment ends as
// its state `failed`, with a sentence; the constructor throws std::runtime_error if the history cannot be read or written.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "advisor/builder.h"
#include "advisor/deployment.h"
#include "advisor/history.h"
#include "config/rule_book.h"

namespace larder::advisor {

// What PostgreSQL has done since Larder began, told by whoever sees the traffic. Threads: any.
class TrafficSource {
public:
    virtual ~TrafficSource() = default;
    // By Order::subject; zero for one that is not known.
    virtual Work statement(const std::string& subject) const = 0;
    // The same with the executions that the cache answered, which cost nothing.
    virtual Work statement_with_hits(const std::string& subject) const = 0;
    // Of all statements that write this table.
    virtual Work writers(const std::string& database, unsigned table_oid) const = 0;
};

struct DeployerOptions {
    std::function<std::string(const std::string& database)> uri;  // where Larder itself logs in
    std::string history_file;                       // empty: nothing survives a restart
    std::chrono::milliseconds lock_timeout{5'000};
    int attempts = 5;
    std::chrono::milliseconds retry_wait{10'000};
    WatchLimits watch;
    config::RuleBook* rules = nullptr;              // where rules are made; null: none are deployed
    bool auto_revert = true;                        // false: it is said that it should be, and left
    std::chrono::milliseconds poll{1'000};          // how often what is watched is looked at
};

class Deployer {
public:
    static constexpr std::size_t kWaitingMax = 100;
    static constexpr int kLostMax = 100;  // attempts to take something back while PostgreSQL cannot be reached

    Deployer(DeployerOptions options, const TrafficSource& traffic);
    // A build that is going on is cancelled and cleaned up.
    ~Deployer();
    Deployer(const Deployer&) = delete;
    Deployer& operator=(const Deployer&) = delete;

    struct Answer {
        int id = 0;            // 0: not taken
        std::string why_not;   // a sentence
    };
    // Once it is taken it is in the history.
    Answer deploy(const Order& order);
    // Takes back what was deployed, or cancels what waits or is being built.
    Answer revert(int id, const std::string& asked_by);

    std::vector<Deployment> list() const;               // by id
    std::optional<Deployment> find(int id) const;
    // What is being built, in words; empty if nothing is.
    std::string progress() const;

private:
    struct Revert {
        std::string asked_by;
        std::int64_t not_before_ms = 0;          // it was tried, and somebody held a lock
        std::string failure = {};                // of the build, whose rest is cleaned up: why; else empty
        int lost_count = 0;                      // times that PostgreSQL could not be reached
    };
    void run();
    void recover();
    bool work_on_next();
    bool begin(Deployment& deployment);
    void run_steps(Builder& builder, Deployment& deployment);
    void build(Deployment deployment);
    void make_rule(Deployment deployment);
    void drop_rule(Deployment deployment, const Revert& revert);
    Work work_of(const Deployment& deployment) const;
    void take_back(Deployment deployment, const Revert& revert);
    void undo_all(Deployment& deployment);
    void fail(Deployment deployment, const std::string& why);
    void lost(Deployment& deployment, const std::string& why);
    void try_later(Deployment& deployment, const std::string& why);
    void call_off(Deployment& deployment, const Revert& revert);
    void over(Deployment& deployment, DeploymentState state, std::string text);
    // `builder`: null for a rule.
    void begin_watch(Builder* builder, Deployment& deployment);
    void watch_all();
    void watch(Deployment deployment);
    bool is_used(const Deployment& deployment);
    BuildOptions build_options(const Deployment& deployment);
    void say(Deployment& deployment, DeploymentState state, std::string text);
    void publish(const Deployment& deployment);
    std::string record(const Deployment& deployment);
    bool rest(std::chrono::milliseconds time);
    bool is_wanted(int id) const;
    bool is_stopping() const;

    const DeployerOptions options_;
    const TrafficSource& traffic_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::map<int, Deployment> deployments_;      // guarded by mutex_, like all that follows
    std::map<int, Revert> to_revert_;            // by id
    std::string progress_;
    int building_ = 0;                           // id; 0: none
    bool has_orders_ = false;                    // that the thread has not seen
    std::int64_t no_build_before_ms_ = 0;        // the history could not be written
    bool is_stopping_ = false;
    History history_;
    std::thread thread_;                         // last: it uses all of the above
};

}  // namespace larder::advisor
