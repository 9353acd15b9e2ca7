#include "proxy/statistics.h"

#include <algorithm>

#include "base/log.h"
#include "proxy/session/upstream_state.h"

namespace larder::proxy {

// One worker's.
class Statistics::Table final : public session::DatabaseCountsTable {
public:
    session::DatabaseCounts& of(const session::DatabaseState& database) override {
        const Lock lock(mutex_);
        auto& counts = counts_[&database];
        if (counts == nullptr) counts = std::make_unique<session::DatabaseCounts>();
        return *counts;
    }

    void add_to(Totals& totals) const {
        const Lock lock(mutex_);
        for (const auto& [database, counts] : counts_) {
            DatabaseTraffic& sum = totals[database->name()];
            sum.transactions += counts->transactions.value();
            sum.statements += counts->statements.value();
            sum.received += counts->received.value();
            sum.sent += counts->sent.value();
            sum.transaction_us += counts->transaction_us.value();
            sum.query_us += counts->query_us.value();
            sum.wait_us += counts->wait_us.value();
            sum.assignments += counts->assignments.value();
        }
    }

private:
    mutable Mutex mutex_;
    std::map<const session::DatabaseState*, std::unique_ptr<session::DatabaseCounts>> counts_ LARDER_GUARDED_BY(mutex_);
};

namespace {

// Counts and bytes per second; times per transaction, statement and assignment, as PgBouncer has them.
DatabaseTraffic means_of(const DatabaseTraffic& end, const DatabaseTraffic& begin, double seconds) {
    const auto per_second = [seconds](std::uint64_t to, std::uint64_t from) { return static_cast<std::uint64_t>(static_cast<double>(to - from) / seconds); };
    const auto per_event = [](std::uint64_t time, std::uint64_t events) { return events == 0 ? 0 : time / events; };
    DatabaseTraffic mean;
    mean.transactions = per_second(end.transactions, begin.transactions);
    mean.statements = per_second(end.statements, begin.statements);
    mean.received = per_second(end.received, begin.received);
    mean.sent = per_second(end.sent, begin.sent);
    mean.assignments = per_second(end.assignments, begin.assignments);
    mean.transaction_us = per_event(end.transaction_us - begin.transaction_us, end.transactions - begin.transactions);
    mean.query_us = per_event(end.query_us - begin.query_us, end.statements - begin.statements);
    mean.wait_us = per_event(end.wait_us - begin.wait_us, end.assignments - begin.assignments);
    return mean;
}

double seconds_between(Instant from, Instant to) { return std::max(1.0, static_cast<double>((to - from).count()) / 1e6); }

}  // namespace

Statistics::Statistics() : started_(now()), period_began_(started_) {}
Statistics::~Statistics() = default;

session::DatabaseCountsTable& Statistics::new_table() {
    tables_.push_back(std::make_unique<Table>());
    return *tables_.back();
}

Statistics::Totals Statistics::totals() const {
    Totals totals;
    for (const auto& table : tables_) table->add_to(totals);
    return totals;
}

void Statistics::end_period(Instant now) {
    auto at_end = totals();
    const Lock lock(mutex_);
    means_.clear();
    for (const auto& [name, traffic] : at_end) means_[name] = means_of(traffic, at_begin_[name], seconds_between(period_began_, now));
    at_begin_ = std::move(at_end);
    period_began_ = now;
    has_means_ = true;
}

std::vector<DatabaseTrafficRow> Statistics::rows(Instant now) const {
    const auto sums = totals();
    std::vector<DatabaseTrafficRow> rows;
    const Lock lock(mutex_);
    for (const auto& [name, traffic] : sums) {
        const auto mean = means_.find(name);
        const auto so_far = [&] { return means_of(traffic, {}, seconds_between(started_, now)); };  // in the first period
        rows.push_back({printable(name), traffic, has_means_ ? (mean == means_.end() ? DatabaseTraffic{} : mean->second) : so_far()});
    }
    return rows;
}

}  // namespace larder::proxy
