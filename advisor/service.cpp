#include "advisor/service.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>
#include <string_view>
#include <utility>

#include "advisor/signals.h"
#include "advisor/without_values.h"
#include "advisor/workload.h"
#include "base/log.h"

namespace larder::advisor {

namespace {

using std::chrono::milliseconds;

std::int64_t unix_ms_now() { return std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count(); }

DeployerOptions deployer_options(const ServiceOptions& options) {
    DeployerOptions out = options.deployer;
    out.uri = [uri = options.uri](const std::string& database) { return uri(database, ""); };
    return out;
}

AdviceOption option_of(const Advice& advice) {
    AdviceOption option;
    option.kind = advice.kind, option.title = title_of(advice.kind), option.why = advice.why, option.risk = risk_of(advice.kind);
    option.run = advice.deploy.empty() ? advice.ddl : advice.deploy;
    option.undo = advice.undo;
    option.rewrite = advice.rewrite.value_or("");
    option.gain = advice.gain;
    option.why_not_deployed = why_not_deployed(option.run, option.undo);
    return option;
}

AdviceRow row_of(const StatementRow& statement, const std::string& found_by, const std::vector<Advice>& advice) {
    AdviceRow row;
    row.statement_id = statement.id, row.database = statement.database, row.text = statement.text, row.found_by = found_by;
    row.made_unix_ms = unix_ms_now();
    row.server_mean_us = statement.server_mean_us();
    row.plan = advice.front().plan, row.plan_without_values = advice.front().plan_without_values;
    for (const auto& one : advice) row.options.push_back(option_of(one));
    return row;
}

Work work_of(const StatementRow& row) { return {row.server_calls, static_cast<double>(row.server_us)}; }

// By which a deployment knows its statement's database and shape.
const StatementRow* find(const std::vector<StatementRow>& rows, const std::string& id) {
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.id == id; });
    return found == rows.end() ? nullptr : &*found;
}

const StatementRow* find_row(const std::vector<const StatementRow*>& rows, const std::string& id) {
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const auto* row) { return row->id == id; });
    return found == rows.end() ? nullptr : *found;
}

}  // namespace

Service::Service(ServiceOptions options, const StatementSource& traffic) : options_(std::move(options)), traffic_(traffic), deployer_(deployer_options(options_), *this) {
    thread_ = std::thread([this] { run(); });
}

Service::~Service() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    stop_.wake();
    stopping_.notify_all();
    thread_.join();
}

Work Service::statement(const std::string& subject) const {
    const auto rows = traffic_.statements(false);
    const auto* row = find(rows, subject);
    return row == nullptr ? Work{} : work_of(*row);
}

Work Service::statement_with_hits(const std::string& subject) const {
    const auto rows = traffic_.statements(false);
    const auto* row = find(rows, subject);
    return row == nullptr ? Work{} : Work{row->server_calls + row->hits, static_cast<double>(row->server_us)};
}

Work Service::writers(const std::string& database, unsigned table_oid) const {
    Work sum;
    for (const auto& row : traffic_.statements(false)) {
        if (row.database != database || std::find(row.writes.begin(), row.writes.end(), table_oid) == row.writes.end()) continue;
        sum.calls += row.server_calls;
        sum.microseconds += static_cast<double>(row.server_us);
    }
    return sum;
}

void Service::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        stopping_.wait_for(lock, options_.poll, [this] { return is_stopping_ || wanted_workload_; });
        if (is_stopping_) return;
        const auto workload = std::exchange(wanted_workload_, std::nullopt);
        lock.unlock();
        try {
            if (workload) look_at_workload(static_cast<double>(*workload));
            look_at_traffic();
        } catch (const std::exception& e) {
            log_warn("the advisor could not look at the traffic", {{"error", e.what()}});
        }
        lock.lock();
    }
}

// What takes most of the server's time is looked at first; what the statistics say by themselves costs nothing.
void Service::look_at_traffic() {
    auto rows = traffic_.statements(true);
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.server_us > b.server_us; });
    SignalLimits limits;
    limits.slow_us = static_cast<double>(options_.slow.count()) * 1e3;
    limits.share = options_.share;
    const auto slow = find_slow(rows, limits);
    tell_workers(rows);
    look_at_signals(rows);
    std::set<std::string_view> unknown;  // databases of which nothing can be told at present
    for (std::size_t i = 0; i < rows.size(); ++i) {
        {
            const std::lock_guard lock(mutex_);
            if (is_stopping_) return;
        }
        const bool is_wanted = !slow[i].empty() && !unknown.contains(rows[i].database) && is_due(rows[i].id);
        if (is_wanted && !look_at(rows[i], slow[i])) unknown.insert(rows[i].database);
    }
}

void Service::look_at_signals(const std::vector<StatementRow>& rows) {
    for (const auto& signals : {find_sequences(rows), find_floods(rows), find_uncached(rows, static_cast<double>(options_.answer_life.count()) / 1e3)}) {
        for (const auto& signal : signals) {
            const auto key = advice_key(signal.row->id, signal.found_by);
            if (!is_due(key)) continue;
            Looked looked{unix_ms_now(), 0, "looked at"};
            auto options = signal.more;
            options.insert(options.begin(), signal.advice);
            keep(row_of(*signal.row, signal.found_by, options), looked);
            was_looked_at(key, std::move(looked));
        }
    }
}

// A worker that meets a statement for the first time, or anew after it was dropped, does not know what is advised on it.
void Service::tell_workers(const std::vector<StatementRow>& rows) const {
    std::set<std::string_view> untold;
    for (const auto& row : rows) {
        if (row.lacks_advice) untold.insert(row.id);
    }
    for (const auto& row : advice_.list()) {
        if (untold.contains(row.statement_id)) traffic_.set_advice(row.statement_id, row.id);
    }
}

bool Service::is_due(const std::string& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = looked_.find(key);
    return found == looked_.end() || unix_ms_now() - found->second.at_ms >= std::chrono::duration_cast<milliseconds>(options_.again).count();
}

void Service::was_looked_at(const std::string& key, Looked looked) {
    const std::lock_guard lock(mutex_);
    looked_[key] = std::move(looked);
    if (looked_.size() <= kLookedMax) return;
    looked_.erase(std::min_element(looked_.begin(), looked_.end(), [](const auto& a, const auto& b) { return a.second.at_ms < b.second.at_ms; }));
}

bool Service::look_at(const StatementRow& row, const std::string& found_by) {
    bool is_known = true;
    Looked looked{unix_ms_now(), 0, "no advice"};
    try {
        const auto advice = advise(row);
        if (advice.front().kind == "none") looked.state = "no advice: " + advice.front().why;
        else looked.state = "looked at", keep(row_of(row, found_by, advice), looked);
    } catch (const CatalogueUnknown& e) {
        looked.state = std::string("waits: ") + e.what(), looked.at_ms = 0;  // due again at once
        is_known = false;
    } catch (const std::exception& e) {
        looked.state = std::string("it could not be looked at: ") + e.what();
    }
    was_looked_at(row.id, std::move(looked));
    return is_known;
}

void Service::advise_workload(std::uint64_t budget_bytes) {
    {
        const std::lock_guard lock(mutex_);
        wanted_workload_ = budget_bytes;
    }
    stopping_.notify_all();
}

// Statements that mean the same by their names: of one database and search_path.
void Service::look_at_workload(double budget_bytes) {
    auto rows = traffic_.statements(true);
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.server_us > b.server_us; });
    std::map<std::pair<std::string, std::string>, std::vector<const StatementRow*>> groups;
    for (const auto& row : rows) {
        auto& group = groups[{row.database, row.search_path}];
        if (row.server_calls > 0 && group.size() < kWorkloadMax) group.push_back(&row);
    }
    std::set<int> given;
    for (const auto& [where, group] : groups) {
        if (!group.empty()) look_at_workload(group, budget_bytes, given);
    }
    advice_.forget_others("workload", given);
}

void Service::look_at_workload(const std::vector<const StatementRow*>& rows, double budget_bytes, std::set<int>& given) {
    std::vector<WorkloadStatement> statements;
    for (const auto* row : rows) {
        auto& one = statements.emplace_back();
        one.id = row->id;
        one.question = question_of(*row);
        one.question.calls_per_minute = static_cast<double>(row->server_calls);  // only how they compare matters
    }
    auto advisor = make_advisor(rows.front()->database, rows.front()->search_path);
    const auto found = advisor.advise(statements, budget_bytes);
    StatementRow all;
    all.database = rows.front()->database;
    for (const auto& index : found.indexes) {
        // Watched by the first that it serves: those stand in the order of the time they take.
        const auto* served = index.serves.empty() ? nullptr : find_row(rows, std::string(index.serves.front().as_string()));
        given.insert(advice_.put(row_of(served != nullptr ? *served : all, "workload", {index.advice})).id);
    }
    for (const auto* more : {&found.spare, &found.unserved_keys}) {
        for (const auto& advice : *more) given.insert(advice_.put(row_of(all, "workload", {advice})).id);
    }
    log_info("the workload was looked at", {{"database", all.database}, {"statements", std::to_string(rows.size())}, {"indexes", std::to_string(found.indexes.size())},
                                            {"spare", std::to_string(found.spare.size())}, {"next", "SHOW ADVICE in the console"}});
}

Advisor Service::make_advisor(const std::string& database, const std::string& search_path) const {
    return {options_.uri(database, search_path), [this, database](bool) { return options_.catalogue ? options_.catalogue(database) : nullptr; }, &stop_};
}

std::vector<Advice> Service::advise(const StatementRow& row) {
    const auto begun = std::chrono::steady_clock::now();
    bool has_failed = true;
    const auto count = [&] {
        const std::lock_guard lock(mutex_);
        ++counts_.analyses;
        counts_.failed_analyses += has_failed;
        counts_.analysis_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    };
    try {
        auto advisor = make_advisor(row.database, row.search_path);
        auto found = advisor.advise(question_of(row));
        has_failed = false;
        count();
        return found;
    } catch (const CatalogueUnknown&) {  // it has not begun
        throw;
    } catch (...) {
        count();
        throw;
    }
}

AdvisorCounts Service::counts() const {
    const std::lock_guard lock(mutex_);
    auto counts = counts_;
    counts.advice = advice_.size();
    return counts;
}

Question Service::question_of(const StatementRow& row) const {
    Question question;
    const StatementSample* sample = row.samples.empty() ? nullptr : &row.samples.front();
    if (options_.show_values && sample != nullptr) {
        question.sql = sample->text;
        if (sample->has_all_parameters) question.parameters = sample->parameters;
    } else {
        question.sql = row.text;
    }
    return question;
}

void Service::keep(AdviceRow row, Looked& looked) {
    const auto put = advice_.put(row);
    looked.advice = put.id;
    traffic_.set_advice(row.statement_id, put.id);
    if (!put.is_new) return;
    const auto& best = row.options.front();
    log_info("a statement could be cheaper", {{"advice", std::to_string(put.id)}, {"found_by", row.found_by}, {"kind", best.kind}, {"statement", row.text},
                                              {"mean_ms", std::to_string(std::llround(row.server_mean_us / 1e3))}, {"next", "EXPLAIN ADVICE " + std::to_string(put.id) + " in the console"}});
}

std::vector<SlowRow> Service::slow_statements(bool with_values) const {
    auto rows = traffic_.statements(false);
    double all_us = 0;
    for (const auto& row : rows) all_us += static_cast<double>(row.server_us);
    SignalLimits limits;
    limits.slow_us = static_cast<double>(options_.slow.count()) * 1e3;
    limits.share = options_.share;
    const auto found_by = find_slow(rows, limits);
    std::vector<SlowRow> slow;
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (found_by[i].empty()) continue;
        const auto& row = rows[i];
        SlowRow one{row.id, row.database, row.text, found_by[i], row.calls, row.server_calls, row.server_mean_us(), row.server_times.percentile(0.95), static_cast<double>(row.server_us),
                    all_us > 0 ? static_cast<double>(row.server_us) / all_us : 0, "waits", 0};
        if (const auto looked = looked_.find(row.id); looked != looked_.end()) one.state = looked->second.state, one.advice = looked->second.advice;
        slow.push_back(with_values ? std::move(one) : without_values(std::move(one)));
    }
    std::sort(slow.begin(), slow.end(), [](const auto& a, const auto& b) { return a.total_us > b.total_us; });
    return slow;
}

std::vector<AdviceRow> Service::advice(bool with_values) const {
    auto rows = advice_.list();
    if (!with_values) std::transform(rows.begin(), rows.end(), rows.begin(), [](AdviceRow& row) { return without_values(std::move(row)); });
    return rows;
}

std::vector<Deployment> Service::shown_deployments(bool with_values) const {
    auto all = deployer_.list();
    if (!with_values) std::transform(all.begin(), all.end(), all.begin(), [](Deployment& one) { return without_values(std::move(one)); });
    return all;
}

std::vector<DeploymentRow> Service::deployments(bool with_values) const {
    std::vector<DeploymentRow> all;
    const auto progress = deployer_.progress();
    for (const auto& deployment : shown_deployments(with_values)) {
        DeploymentRow row;
        row.id = deployment.id, row.state = name(deployment.state), row.database = deployment.order.database, row.title = deployment.order.title, row.asked_by = deployment.order.asked_by;
        row.run = deployment.order.deploy, row.undo = deployment.order.undo;
        if (deployment.state == DeploymentState::building || deployment.state == DeploymentState::reverting) row.progress = progress;
        if (!deployment.events.empty()) row.last_event = deployment.events.back().text, row.changed_unix_ms = deployment.events.back().unix_ms;
        row.before_mean_us = deployment.before.statement.mean(), row.before_calls = deployment.before.statement.calls;
        row.since_mean_us = deployment.since.statement.mean(), row.since_calls = deployment.since.statement.calls;
        const std::lock_guard lock(mutex_);
        if (const auto found = advice_of_deployment_.find(row.id); found != advice_of_deployment_.end()) row.advice = found->second;
        all.push_back(std::move(row));
    }
    return all;
}

std::string Service::deployments_document(bool with_values) const { return to_markdown(shown_deployments(with_values)); }

AdviceSource::Answer Service::deploy(int id, std::size_t option, const std::string& asked_by) {
    const auto row = advice_.find(id);
    if (!row) return {0, "There is no advice " + std::to_string(id) + "."};
    if (option >= row->options.size()) return {0, "Advice " + std::to_string(id) + " has " + std::to_string(row->options.size()) + " options."};
    const auto& wanted = row->options[option];
    if (!wanted.why_not_deployed.empty()) return {0, "This is not for Larder to do. " + wanted.why_not_deployed};
    const auto answer = deployer_.deploy({row->database, wanted.title, wanted.kind, row->statement_id, row->text, wanted.run, wanted.undo, wanted.gain, asked_by});
    if (answer.id == 0) return {0, answer.why_not};
    advice_.deployed(id, answer.id);
    const std::lock_guard lock(mutex_);
    advice_of_deployment_[answer.id] = id;
    return {answer.id, {}};
}

AdviceSource::Answer Service::revert(int deployment, const std::string& asked_by) {
    const auto answer = deployer_.revert(deployment, asked_by);
    return {answer.id, answer.why_not};
}

}  // namespace larder::advisor
