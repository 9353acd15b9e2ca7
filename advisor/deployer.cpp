#include "advisor/deployer.h"

#include <algorithm>
#include <chrono>

#include "base/log.h"

namespace larder::advisor {

namespace {

using enum DeploymentState;
using std::chrono::milliseconds;

std::int64_t unix_ms_now() {
    return std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Of each index that the deployment makes.
std::vector<DeployStep> made_indexes(const Deployment& deployment) {
    std::vector<DeployStep> made;
    for (const auto& sql : deployment.order.deploy) {
        if (auto step = read_step(sql); step.kind == StepKind::create_index) made.push_back(std::move(step));
    }
    return made;
}

bool is_rule(const Deployment& deployment) { return !deployment.order.deploy.empty() && config::is_rule_command(deployment.order.deploy.front()); }

}  // namespace

Deployer::Deployer(DeployerOptions options, const TrafficSource& traffic) : options_(std::move(options)), traffic_(traffic), history_(options_.history_file) {
    for (auto& deployment : history_.take_read()) deployments_.emplace(deployment.id, std::move(deployment));
    if (history_.lines_left_out() > 0) {
        log_warn("lines of the history of deployments could not be read and were left out",
                 {{"file", history_.path()}, {"lines", std::to_string(history_.lines_left_out())}});
    }
    thread_ = std::thread([this] { run(); });
}

Deployer::~Deployer() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

Deployer::Answer Deployer::deploy(const Order& order) {
    if (const auto why_not = why_not_deployed(order.deploy, order.undo); !why_not.empty()) return {0, why_not};
    Deployment deployment;
    deployment.order = order;
    if (is_rule(deployment) && options_.rules == nullptr) return {0, "No rules are made here."};
    {
        const std::lock_guard lock(mutex_);
        const auto is_same = [&](const auto& entry) {
            const auto& other = entry.second;
            return !other.is_over() && other.order.database == order.database && other.order.deploy == order.deploy;
        };
        const auto same = std::find_if(deployments_.begin(), deployments_.end(), is_same);
        if (same != deployments_.end()) return {0, "Deployment " + std::to_string(same->first) + " is the same."};
        const auto waiting_count = std::count_if(deployments_.begin(), deployments_.end(), [](const auto& entry) { return entry.second.state == waiting; });
        if (static_cast<std::size_t>(waiting_count) >= kWaitingMax) return {0, "Too many deployments wait already."};
        deployment.id = deployments_.empty() ? 1 : deployments_.rbegin()->first + 1;
        deployment.events.push_back({unix_ms_now(), waiting, "Asked for by " + order.asked_by + "."});
        try {
            history_.append(deployment);
        } catch (const std::exception& e) {
            return {0, std::string("Nothing is deployed without a record: ") + e.what()};
        }
        deployments_.emplace(deployment.id, deployment);
        has_orders_ = true;
    }
    changed_.notify_all();
    return {deployment.id, {}};
}

Deployer::Answer Deployer::revert(int id, const std::string& asked_by) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = deployments_.find(id);
        if (found == deployments_.end()) return {0, "There is no deployment " + std::to_string(id) + "."};
        if (found->second.is_over()) return {0, "Deployment " + std::to_string(id) + " is over: it " + (found->second.state == failed ? "failed." : "was reverted.")};
        to_revert_.emplace(id, Revert{asked_by});
        has_orders_ = true;
    }
    changed_.notify_all();
    return {id, {}};
}

std::vector<Deployment> Deployer::list() const {
    const std::lock_guard lock(mutex_);
    std::vector<Deployment> all;
    for (const auto& [id, deployment] : deployments_) all.push_back(deployment);
    return all;
}

std::optional<Deployment> Deployer::find(int id) const {
    const std::lock_guard lock(mutex_);
    const auto found = deployments_.find(id);
    return found == deployments_.end() ? std::nullopt : std::optional(found->second);
}

std::string Deployer::progress() const {
    const std::lock_guard lock(mutex_);
    return progress_;
}

void Deployer::run() {
    recover();
    do {
        try {
            while (work_on_next()) {}
            watch_all();
        } catch (const std::exception& e) {
            log_error("a deployment could not go on", {{"error", e.what()}});
        }
    } while (rest(options_.poll));
}

// What an earlier process left. The sums of the traffic began anew with this one.
void Deployer::recover() {
    for (auto deployment : list()) {
        const auto why_not = why_not_deployed(deployment.order.deploy, deployment.order.undo);
        if (deployment.state == watching && !why_not.empty()) {
            say(deployment, unproven, "It is not watched any more, and will not be taken back by Larder. " + why_not);
        } else if (deployment.state == watching) {
            deployment.statement_at_start = deployment.writers_at_start = {};
            deployment.since = {};
            deployment.watching_since_ms = unix_ms_now();
            say(deployment, watching, "Larder was restarted; it is watched anew.");
        } else if (deployment.state == building || deployment.state == reverting) {
            const std::lock_guard lock(mutex_);
            to_revert_.emplace(deployment.id, Revert{"a restart of Larder"});
        }
    }
}

// Reverts go before builds. False if there is nothing to do.
bool Deployer::work_on_next() {
    Deployment next;
    std::optional<Revert> revert;
    {
        const std::lock_guard lock(mutex_);
        if (is_stopping_) return false;
        const auto due = std::find_if(to_revert_.begin(), to_revert_.end(), [now = unix_ms_now()](const auto& entry) { return entry.second.not_before_ms <= now; });
        if (due != to_revert_.end()) {
            next = deployments_.at(due->first);
            revert = due->second;
        } else {
            const auto found = std::find_if(deployments_.begin(), deployments_.end(), [this](const auto& entry) { return entry.second.state == waiting && !to_revert_.contains(entry.first); });
            if (found == deployments_.end() || no_build_before_ms_ > unix_ms_now()) return false;
            next = found->second;
            building_ = next.id;
        }
    }
    const bool is_for_larder = is_rule(next);
    if (revert && is_for_larder) drop_rule(std::move(next), *revert);
    else if (revert) take_back(std::move(next), *revert);
    else if (is_for_larder) make_rule(std::move(next));
    else build(std::move(next));
    const std::lock_guard lock(mutex_);
    building_ = 0;
    progress_.clear();
    return true;
}

// Nothing is begun that is not written down: a crash would leave something that nobody knows of.
bool Deployer::begin(Deployment& deployment) {
    Deployment begun = deployment;
    begun.state = building;
    begun.events.push_back({unix_ms_now(), building, "Began."});
    const auto why = record(begun);
    if (why.empty()) {
        deployment = std::move(begun);
        return true;
    }
    say(deployment, waiting, "It does not begin, since the history cannot be written: " + why + ". It is tried again.");
    const std::lock_guard lock(mutex_);
    no_build_before_ms_ = unix_ms_now() + options_.retry_wait.count();
    return false;
}

void Deployer::run_steps(Builder& builder, Deployment& deployment) {
    deployment.made.assign(deployment.order.deploy.size(), "");
    for (const auto& sql : deployment.order.deploy) {
        builder.run(sql, deployment.order.undo, [&] {
            deployment.begun_by = builder.backend();
            if (const auto why = record(deployment); !why.empty()) {
                deployment.begun_by.clear();
                throw BuildError("It was not begun, since the history cannot be written: " + why + ".");
            }
        });
        deployment.made[deployment.steps_done] = builder.definition(sql);
        ++deployment.steps_done;
        deployment.begun_by.clear();
        publish(deployment);
    }
}

void Deployer::build(Deployment deployment) {
    const auto started = std::chrono::steady_clock::now();
    if (!begin(deployment)) return;
    std::unique_ptr<Builder> builder;
    try {
        builder = std::make_unique<Builder>(build_options(deployment));
        run_steps(*builder, deployment);
    } catch (const BuildStopped& e) {
        // Larder ends, or somebody wants it reverted: either goes on from what the history says.
        if (!is_wanted(deployment.id)) return;
        return fail(std::move(deployment), e.what());
    } catch (const BuildTaken& e) {
        deployment.begun_by.clear();
        return fail(std::move(deployment), e.what());
    } catch (const std::exception& e) {
        return fail(std::move(deployment), e.what());
    }
    const auto took = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - started).count();
    deployment.events.push_back({unix_ms_now(), building, "Done in " + print_time(took) + "."});
    begin_watch(builder.get(), deployment);
}

// Nothing of it is half done: the rule is in force, or it is not.
void Deployer::make_rule(Deployment deployment) {
    if (!begin(deployment)) return;
    try {
        options_.rules->run(config::parse_rule_command(deployment.order.deploy.front()));
    } catch (const config::ConfigError& e) {
        return say(deployment, failed, std::string("The rule was not made: ") + e.what() + ".");
    }
    deployment.steps_done = 1;
    deployment.events.push_back({unix_ms_now(), building, "The rule is in force."});
    begin_watch(nullptr, deployment);
}

void Deployer::drop_rule(Deployment deployment, const Revert& revert) {
    if (deployment.state == waiting) return call_off(deployment, revert);
    say(deployment, reverting, "To be taken back, asked for by " + revert.asked_by + ".");
    try {
        for (const auto& command : deployment.order.undo) options_.rules->run(config::parse_rule_command(command));
    } catch (const config::ConfigError& e) {
        return over(deployment, failed, std::string("The rule could not be taken away: ") + e.what() + ".");
    }
    deployment.steps_done = 0;
    over(deployment, reverted, "The rule is gone.");
}

Work Deployer::work_of(const Deployment& deployment) const {
    return is_rule(deployment) ? traffic_.statement_with_hits(deployment.order.subject) : traffic_.statement(deployment.order.subject);
}

void Deployer::begin_watch(Builder* builder, Deployment& deployment) {
    if (deployment.order.subject.empty()) return say(deployment, unproven, "It is not watched, since it was not asked for one statement of the traffic.");
    const auto made = made_indexes(deployment);
    if (!made.empty()) deployment.table_oid = builder->table_oid(made.front());
    deployment.statement_at_start = deployment.before.statement = work_of(deployment);
    deployment.writers_at_start = deployment.before.writers = traffic_.writers(deployment.order.database, deployment.table_oid);
    deployment.watching_since_ms = unix_ms_now();
    say(deployment, watching, "It is watched for " + std::to_string(options_.watch.time.count()) + " s.");
}

// Until this is on the disk a restart would build it after all.
void Deployer::call_off(Deployment& deployment, const Revert& revert) {
    Deployment off = deployment;
    off.state = reverted;
    off.events.push_back({unix_ms_now(), reverted, "Called off by " + revert.asked_by + " before anything was done."});
    const auto why = record(off);
    if (!why.empty()) say(deployment, waiting, "It is called off once that can be written to the history: " + why + ".");
    const std::lock_guard lock(mutex_);
    if (why.empty()) to_revert_.erase(deployment.id);
    else to_revert_.at(deployment.id).not_before_ms = unix_ms_now() + options_.retry_wait.count();
}

void Deployer::take_back(Deployment deployment, const Revert& revert) {
    if (deployment.state == waiting) return call_off(deployment, revert);
    if (deployment.state != reverting) {
        if (revert.failure.empty()) say(deployment, deployment.state, "To be taken back, asked for by " + revert.asked_by + ".");
        deployment.was_cut_off = deployment.state == building;
        deployment.state = reverting;
    }
    if (const auto why = record(deployment); !why.empty()) return try_later(deployment, "It is not taken back, since the history cannot be written: " + why + ".");
    const auto ended = deployment.was_cut_off && !revert.failure.empty() ? failed : reverted;
    const std::string why = revert.failure.empty() ? "" : revert.failure + (revert.failure.ends_with('.') ? " " : ". ");
    if (deployment.steps_done == 0 && deployment.begun_by.empty()) return over(deployment, ended, why + "Everything is as it was: nothing had been done.");
    try {
        undo_all(deployment);
        over(deployment, ended, why + "Everything is as it was.");
    } catch (const BuildLocked& e) {
        try_later(deployment, e.what());
    } catch (const BuildError& e) {
        if (is_stopping()) return;  // the next Larder goes on with it
        over(deployment, failed, std::string("It could not be taken back: ") + e.what());
    } catch (const QueryError& e) {
        // 57P: the server is stopped; what else it refuses it will refuse again.
        if (e.sqlstate().starts_with("57P")) return lost(deployment, e.what());
        over(deployment, failed, std::string("It could not be taken back: ") + e.what());
    } catch (const std::exception& e) {
        lost(deployment, e.what());
    }
}

// The newest first. What was dropped since by somebody else is gone already, which is what is wanted.
void Deployer::undo_all(Deployment& deployment) {
    Builder builder(build_options(deployment));
    const auto& order = deployment.order;
    if (!deployment.begun_by.empty()) {
        // How far it came is not known, and the server may be at it still.
        builder.end_backend(deployment.begun_by);
        if (deployment.steps_done < order.deploy.size()) builder.take_back(order.deploy[deployment.steps_done], order.undo, {});
        deployment.begun_by.clear();
        publish(deployment);
    }
    while (deployment.steps_done > 0) {
        const auto last = deployment.steps_done - 1;
        builder.take_back(order.deploy[last], order.undo, deployment.made[last]);
        --deployment.steps_done;
        publish(deployment);
    }
}

// What a build left is taken back like what was built; until that is done it is not over.
void Deployer::fail(Deployment deployment, const std::string& why) {
    say(deployment, building, why);
    const std::lock_guard lock(mutex_);
    to_revert_.insert_or_assign(deployment.id, Revert{"its failure", 0, why});
}

// PostgreSQL cannot be reached: that may pass.
void Deployer::lost(Deployment& deployment, const std::string& why) {
    if (is_stopping()) return;
    bool goes_on = false;
    {
        const std::lock_guard lock(mutex_);
        goes_on = ++to_revert_.at(deployment.id).lost_count < kLostMax;
    }
    if (goes_on) return try_later(deployment, why + ".");
    over(deployment, failed, "It could not be taken back, and is left as it is: " + why + ".");
}

void Deployer::try_later(Deployment& deployment, const std::string& why) {
    say(deployment, reverting, why + " It is tried again.");
    const std::lock_guard lock(mutex_);
    to_revert_.at(deployment.id).not_before_ms = unix_ms_now() + options_.retry_wait.count();
}

void Deployer::over(Deployment& deployment, DeploymentState state, std::string text) {
    {
        const std::lock_guard lock(mutex_);
        to_revert_.erase(deployment.id);
    }
    say(deployment, state, std::move(text));
}

void Deployer::watch_all() {
    for (const auto& deployment : list()) {
        if (deployment.state == watching) watch(deployment);
    }
}

void Deployer::watch(Deployment deployment) {
    deployment.since.statement = work_of(deployment) - deployment.statement_at_start;
    deployment.since.writers = traffic_.writers(deployment.order.database, deployment.table_oid) - deployment.writers_at_start;
    const auto watched = std::chrono::seconds((unix_ms_now() - deployment.watching_since_ms) / 1000);
    auto judgement = judge(deployment.before, deployment.since, watched, true, options_.watch);
    if (judgement.verdict == Verdict::keep && !is_used(deployment)) judgement = judge(deployment.before, deployment.since, watched, false, options_.watch);
    switch (judgement.verdict) {
        case Verdict::wait: {
            const std::lock_guard lock(mutex_);
            deployments_.insert_or_assign(deployment.id, std::move(deployment));
            return;
        }
        case Verdict::keep: return say(deployment, kept, judgement.why);
        case Verdict::unproven: return say(deployment, unproven, judgement.why);
        case Verdict::revert: break;
    }
    if (!options_.auto_revert) return say(deployment, unproven, judgement.why + " It should be reverted.");
    say(deployment, watching, judgement.why);
    revert(deployment.id, "the watch");
}

bool Deployer::is_used(const Deployment& deployment) {
    const auto made = made_indexes(deployment);
    if (made.empty()) return true;
    Builder builder(build_options(deployment));
    return std::any_of(made.begin(), made.end(), [&](const DeployStep& index) { return builder.scans(index) > 0; });
}

BuildOptions Deployer::build_options(const Deployment& deployment) {
    BuildOptions options;
    options.uri = options_.uri(deployment.order.database);
    options.lock_timeout = options_.lock_timeout, options.attempts = options_.attempts, options.retry_wait = options_.retry_wait;
    options.on_progress = [this](const std::string& text) {
        const std::lock_guard lock(mutex_);
        progress_ = text;
    };
    options.wait = [this, id = deployment.id](milliseconds time) {
        std::unique_lock lock(mutex_);
        const auto is_unwanted = [&] { return is_stopping_ || (building_ == id && to_revert_.contains(id)); };
        return !changed_.wait_for(lock, time, is_unwanted);
    };
    return options;
}

// On the disk first, then for everybody to see.
void Deployer::say(Deployment& deployment, DeploymentState state, std::string text) {
    log_info("a deployment went on", {{"deployment", std::to_string(deployment.id)}, {"advice", deployment.order.kind}, {"state", std::string(name(state))}, {"text", text}});
    auto& events = deployment.events;
    const bool is_said = deployment.state == state && !events.empty() && events.back().state == state && events.back().text == text;
    deployment.state = state;
    if (!is_said) {
        events.push_back({unix_ms_now(), state, std::move(text)});
        return publish(deployment);
    }
    // It may be tried for days.
    events.back().unix_ms = unix_ms_now();
    const std::lock_guard lock(mutex_);
    deployments_.insert_or_assign(deployment.id, deployment);
}

void Deployer::publish(const Deployment& deployment) {
    if (const auto why = record(deployment); why.empty()) return;
    else log_error("the history of deployments is not written", {{"error", why}});
    const std::lock_guard lock(mutex_);
    deployments_.insert_or_assign(deployment.id, deployment);
}

// Why it could not be written, and then nobody sees it either; "" if it could.
std::string Deployer::record(const Deployment& deployment) {
    const std::lock_guard lock(mutex_);
    try {
        history_.append(deployment);
    } catch (const std::exception& e) {
        return e.what();
    }
    deployments_.insert_or_assign(deployment.id, deployment);
    return {};
}

// False if the deployer is to stop.
bool Deployer::rest(milliseconds time) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, time, [this] { return is_stopping_ || has_orders_; });
    has_orders_ = false;
    return !is_stopping_;
}

bool Deployer::is_stopping() const {
    const std::lock_guard lock(mutex_);
    return is_stopping_;
}

bool Deployer::is_wanted(int id) const {
    const std::lock_guard lock(mutex_);
    return !is_stopping_ && !to_revert_.contains(id);
}

}  // namespace larder::advisor
