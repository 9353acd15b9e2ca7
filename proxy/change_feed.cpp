#include "proxy/change_feed.h"

#include <algorithm>
#include <stdexcept>

#include <poll.h>

#include "base/backoff.h"
#include "base/log.h"
#include "proxy/lsn.h"

namespace larder::proxy {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr milliseconds kQueryTimeout{10'000};
constexpr milliseconds kBackoffFirst{200};
constexpr milliseconds kBackoffMax{30'000};
constexpr milliseconds kHeartbeat{100};        // how often the end of the log is asked for while there are clients
constexpr milliseconds kIdleHeartbeat{1'000};
constexpr milliseconds kAskAgain{2};           // for a commit that was not visible yet
constexpr milliseconds kMarkInterval{10};
constexpr std::size_t kMarksMax = 1'000;
constexpr microseconds kStalled{30'000'000};   // a stream that is so far behind is begun anew
constexpr std::size_t kPendingMax = 100'000;
constexpr int kVersion = 15;

// What ends a stream. `is_refused`: it will not be otherwise soon.
class FeedError : public std::runtime_error {
public:
    explicit FeedError(const std::string& why, bool refused = false) : std::runtime_error(why), is_refused(refused) {}
    const bool is_refused;
};

std::string number_at(const PgRows& rows, std::size_t column) { return rows.at(0, column).value_or(""); }

}  // namespace

std::string_view name(ChangeFeed::State state) {
    switch (state) {
        case ChangeFeed::State::waiting: return "waiting";
        case ChangeFeed::State::refused: return "refused";
        case ChangeFeed::State::catching_up: return "catching up";
        case ChangeFeed::State::current: return "current";
        case ChangeFeed::State::behind: return "behind";
    }
    return "";
}

ChangeFeed::ChangeFeed(Shared& shared) : shared_(shared), effects_(shared.upstream) {}
ChangeFeed::~ChangeFeed() { stop(); }

void ChangeFeed::start() {
    thread_ = std::thread([this] { run(); });
}

void ChangeFeed::stop() {
    stopping_.store(true);
    stop_wakeup_.wake();
    if (thread_.joinable()) thread_.join();
}

ChangeFeed::Status ChangeFeed::status() const {
    const Lock lock(mutex_);
    return status_;
}

void ChangeFeed::run() {
    Backoff backoff(kBackoffFirst, kBackoffMax);
    while (!stopping_.load()) {
        bool is_refused = false;
        const auto streams_before = streams_;
        try {
            stream();
        } catch (const FeedError& error) {
            is_refused = error.is_refused;
            ended(error.what());
            publish(is_refused ? State::refused : State::waiting, error.what());
        } catch (const std::exception& error) {
            ended(error.what());
            publish(State::waiting, error.what());
        }
        log_.reset();
        probe_.reset();
        if (streams_ != streams_before) backoff.reset();
        pause(backoff.next());
    }
    ended("");
}

// False: the process ends.
bool ChangeFeed::pause(milliseconds time) {
    stop_wakeup_.wait(time);
    return !stopping_.load();
}

// First of all: from here on no answer lives longer than it would without a feed.
void ChangeFeed::ended(const std::string& why) {
    const bool was_current = shared_.upstream.is_feed_current();
    shared_.upstream.set_feed_current(false);
    shared_.upstream.own_transactions.set_wanted(false);
    shared_.barrier.close();
    questions_.reset();
    queue_.reset();
    marks_.clear();
    is_asked_ = is_caught_up_ = false;
    if (stopping_.load() || (why == last_why_ && !was_current)) return;
    last_why_ = why;
    if (!why.empty())
        log_warn("there is no change feed: what others write is not seen, and no answer is given that is older than the bound",
                 {{"why", why}, {"bound_ms", std::to_string(shared_.config.freshness.others_ttl_max.count())}});
}

void ChangeFeed::stream() {
    // The control connection says which server the counters speak of.
    while (shared_.upstream.instance_number() == 0 || shared_.upstream.not_serving() == rules::Reason::no_upstream) {
        publish(State::waiting, "the control connection is not there");
        if (!pause(milliseconds{20})) return;
    }
    begin();
    while (!stopping_.load()) {
        wait_for_something();
        if (shared_.upstream.instance_number() != instance_) throw FeedError("the control connection was opened anew");
        read_log();
        read_answer();
        const Instant at = now();
        for (const auto& seen : queue_->take(at)) effects_.apply(seen);
        pass_barrier();
        if (!log_->report(at)) throw FeedError("the server closed the stream");
        const bool asks_again = queue_->has_invisible() && at - answered_ >= kAskAgain;
        if (!is_asked_ && (queue_->has_new() || asks_again || shared_.barrier.is_wanted() || at - answered_ >= heartbeat())) ask();
        judge();
    }
}

void ChangeFeed::begin() {
    std::string error;
    open_probe();
    check_server();
    log_ = ReplicationStream::open(shared_.config.upstream, stop_wakeup_, error);
    if (log_ == nullptr) {
        const bool is_forbidden = error.find("pg_hba") != std::string::npos || error.find("replication") != std::string::npos;
        throw FeedError(first_line(error) + (is_forbidden ? "; it needs ALTER ROLE … REPLICATION for Larder's own login and a line of pg_hba.conf for the database \"replication\"" : ""),
                        is_forbidden);
    }
    const auto identity = log_->identify(error);
    if (!identity) throw FeedError(first_line(error));
    const protocol::Lsn start = identity->flushed / protocol::kWalPageBytes * protocol::kWalPageBytes;
    if (identity->system != system_) throw FeedError("the replication stream is that of another cluster than the control connection's");
    const PgRows number = probe_->query("select pg_catalog.pg_current_xact_id()::text, pg_catalog.pg_current_snapshot()::text", kQueryTimeout);
    if (!number.ok) throw FeedError(number.error);
    const auto snapshot = protocol::Snapshot::parse(number_at(number, 1));
    if (!snapshot) throw FeedError("pg_current_snapshot() gave an answer that is not understood");
    const std::uint64_t first_new = std::stoull(number_at(number, 0));
    if (!log_->start(start, identity->timeline, error)) throw FeedError(first_line(error));
    const PgRows prepared = probe_->query("prepare larder_probe as select pg_catalog.pg_current_snapshot()::text, pg_catalog.pg_current_wal_flush_lsn()::text", kQueryTimeout);
    if (!prepared.ok) throw FeedError(prepared.error);

    reader_.emplace(protocol::kWalMagic15, start, identity->segment_bytes);
    transactions_.emplace(static_cast<std::uint32_t>(first_new));
    queue_.emplace(shared_.upstream.own_transactions);
    queue_->add_running(snapshot->running_before(first_new));
    shared_.upstream.own_transactions.set_wanted(true);
    effects_.begin();
    ++streams_;
    asked_ = answered_ = last_mark_ = passed_ = kLongAgo;
    begun_ = now();
    marks_.clear();
    flushed_ = identity->flushed;
    shared_.barrier.open();
    ask();
}

void ChangeFeed::open_probe() {
    std::string error;
    probe_ = PgConnection::open(shared_.config.upstream, shared_.config.upstream.database, "larder_feed_probe", stop_wakeup_, error);
    if (probe_ == nullptr) throw FeedError(error);
    for (const char* setting : {"set statement_timeout = 0", "set idle_session_timeout = 0", "set search_path = pg_catalog"}) {
        const PgRows set = probe_->query(setting, kQueryTimeout);
        if (!set.ok && set.sqlstate.empty()) throw FeedError(set.error);
    }
}

void ChangeFeed::check_server() {
    instance_ = shared_.upstream.instance_number();
    const PgRows server = probe_->query("select pg_catalog.current_setting('server_version_num')::int / 10000, pg_catalog.pg_is_in_recovery(),"
                                        " exists (select from pg_catalog.pg_locks where locktype = 'advisory' and objsubid = 2 and granted and classid = " +
                                            std::to_string(session::kInstanceLockClass) + " and objid = " + std::to_string(instance_) + "), (select system_identifier from pg_catalog.pg_control_system())", kQueryTimeout);
    if (!server.ok || server.rows.size() != 1) throw FeedError(server.error);
    if (number_at(server, 0) != std::to_string(kVersion))
        throw FeedError("it reads the log of PostgreSQL " + std::to_string(kVersion) + " alone, and this server is PostgreSQL " + number_at(server, 0), true);
    if (server.is_true(0, 1)) throw FeedError("the server is in recovery (a standby)");
    if (!server.is_true(0, 2)) throw FeedError("this connection reached another server than the control connection");
    system_ = number_at(server, 3);
}

// A commit that nothing tells of is found by it, so the lag is seen late by so much.
milliseconds ChangeFeed::heartbeat() const {
    constexpr int kPartOfLag = 4;
    return std::min(shared_.clients.load(std::memory_order_relaxed) > 0 ? kHeartbeat : kIdleHeartbeat, std::max(shared_.config.feed.lag_max / kPartOfLag, milliseconds{1}));
}

void ChangeFeed::wait_for_something() {
    pollfd descriptors[4] = {{log_->socket(), POLLIN, 0}, {PQsocket(probe_->raw()), POLLIN, 0}, {stop_wakeup_.descriptor(), POLLIN, 0}, {shared_.barrier.wakeup().descriptor(), POLLIN, 0}};
    const nfds_t count = is_asked_ ? 3 : 4;  // one question at a time: a wait that begins meanwhile belongs to the next
    const bool hurries = queue_->wants_decision() || queue_->has_invisible();
    ::poll(descriptors, count, hurries ? 1 : static_cast<int>(heartbeat().count()));
}

void ChangeFeed::read_log() {
    std::string error;
    for (Bytes log = log_->next(error); !log.empty(); log = log_->next(error)) {
        while (const auto record = reader_->next(log)) {
            auto commit = transactions_->add(*record);
            if (!commit) throw FeedError("a record of the log is not understood, at " + lsn_text(record->lsn));
            if (*commit) queue_->add(std::move(**commit));
        }
        if (reader_->has_failed()) throw FeedError("the log is not understood, at " + lsn_text(reader_->position()));
        if (transactions_->has_overflowed()) throw FeedError("a transaction has more subtransactions than are told apart");
        if (queue_->size() > kPendingMax) throw FeedError("too many commits are waiting to become visible");
    }
    if (!error.empty()) throw FeedError(first_line(error));
}

void ChangeFeed::ask() {
    queue_->asking();
    questions_.asking(shared_.barrier.take());
    if (PQsendQueryPrepared(probe_->raw(), "larder_probe", 0, nullptr, nullptr, nullptr, 0) == 0) throw FeedError(first_line(PQerrorMessage(probe_->raw())));
    is_asked_ = true;
    asked_ = now();
}

void ChangeFeed::read_answer() {
    PGconn* raw = probe_->raw();
    if (PQconsumeInput(raw) == 0) throw FeedError(first_line(PQerrorMessage(raw)));
    while (is_asked_ && PQisBusy(raw) == 0) {
        const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQgetResult(raw), PQclear);
        if (!result) {
            is_asked_ = false;
            return;
        }
        if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) throw FeedError(first_line(PQresultErrorMessage(result.get())));
        const auto snapshot = protocol::Snapshot::parse(PQgetvalue(result.get(), 0, 0));
        const auto flushed = parse_lsn(PQgetvalue(result.get(), 0, 1));
        if (!snapshot || !flushed) throw FeedError("an answer of the server is not understood");
        answered_ = now();
        flushed_ = *flushed;
        queue_->answered(*snapshot, answered_);
        questions_.answered(*flushed);
        if (marks_.size() < kMarksMax && (marks_.empty() || (asked_ - last_mark_ >= kMarkInterval && *flushed > marks_.back().flushed))) {
            marks_.push_back({*flushed, asked_});
            last_mark_ = asked_;
        }
    }
}

void ChangeFeed::pass_barrier() {
    if (const auto wait = questions_.passed(reader_->position(), *queue_); wait != 0) shared_.barrier.pass(wait);
}

// How long ago the log ended where all before it has been dealt with; what was dealt with since is not known before the next answer.
microseconds ChangeFeed::lag(Instant at) const {
    if (!marks_.empty()) return at - std::max(passed_, begun_);
    return is_asked_ ? at - asked_ : microseconds{0};
}

void ChangeFeed::judge() {
    const auto applied = queue_->applied(reader_->position());
    if (!marks_.empty() && applied >= marks_.front().flushed) is_caught_up_ = true;
    for (; !marks_.empty() && applied >= marks_.front().flushed; marks_.pop_front()) passed_ = marks_.front().asked;
    const auto behind = lag(now());
    if (behind > kStalled) throw FeedError("the stream stands still");
    const bool is_current = is_caught_up_ && behind <= shared_.config.feed.lag_max;
    const bool was_current = shared_.upstream.is_feed_current();
    if (is_current != was_current) {
        shared_.upstream.set_feed_current(is_current);
        last_why_.clear();
        if (is_current) log_info("the change feed is up to date: answers live until something that they depend on is written", {{"lsn", lsn_text(applied)}});
        else log_warn("the change feed is behind; no answer is given that is older than the bound until it has caught up",
                      {{"lag_ms", std::to_string(behind.count() / 1'000)}, {"bound_ms", std::to_string(shared_.config.freshness.others_ttl_max.count())}});
    }
    publish(is_current ? State::current : is_caught_up_ ? State::behind : State::catching_up, "");
}

void ChangeFeed::publish(State state, const std::string& why) {
    Status status;
    status.state = state;
    status.why = why;
    status.streams = streams_;
    status.counts = effects_.counts();
    if (queue_) {
        status.lag_seconds = static_cast<double>(lag(now()).count()) / 1e6;
        status.received = reader_->position();
        status.applied = queue_->applied(reader_->position());
        status.flushed = flushed_;
        status.pending = queue_->size();
    }
    const Lock lock(mutex_);
    status_ = std::move(status);
}

}  // namespace larder::proxy
