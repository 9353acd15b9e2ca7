#include "proxy/control.h"

#include <algorithm>
#include <random>

#include "base/backoff.h"
#include "base/log.h"

namespace larder::proxy {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kCheckInterval{1000};
constexpr milliseconds kOutcomeInterval{200};
// A server that takes longer for a look at its lock table is as good as away; nothing is served meanwhile.
constexpr milliseconds kQueryTimeout{10'000};
constexpr milliseconds kBackoffFirst{100};
constexpr milliseconds kBackoffMax{5'000};
constexpr std::size_t kNumbersMax = 100;

std::int32_t random_number() {
    std::random_device random;
    for (;;) {
        const auto number = static_cast<std::int32_t>(random() & 0x7FFF'FFFF);
        if (number != 0) return number;
    }
}

std::string list(const std::vector<std::int32_t>& numbers) {
    std::string text;
    for (const std::int32_t number : numbers) text += (text.empty() ? "" : ",") + std::to_string(number);
    return text;
}

// One row about everything that may have changed. objsubid 2: keys of two integers.
std::string state_query(const std::vector<std::int32_t>& own, std::int32_t process) {
    const std::string advisory = " from pg_catalog.pg_locks where locktype = 'advisory' and objsubid = 2 and classid = ";
    return "select pg_catalog.pg_is_in_recovery(), pg_catalog.pg_conf_load_time()::text, pg_catalog.pg_postmaster_start_time()::text,"
           " pg_catalog.current_setting('server_version'),"
           " exists (select" + advisory + std::to_string(session::kInstanceLockClass) + " and objid = " + std::to_string(own.back()) +
           " and pid = pg_catalog.pg_backend_pid() and granted),"
           " (select pg_catalog.string_agg(pid::text, ', ')" + advisory + std::to_string(session::kInstanceLockClass) +
           " and granted and objid not in (" + list(own) + ")),"
           " (select pg_catalog.string_agg(pid::text, ', ')" + advisory + std::to_string(session::kBackendLockClass) +
           " and granted and objid <> " + std::to_string(process) + ")";
}

}  // namespace

Control::Control(Shared& shared, KeptOutcomes& outcomes, std::function<void(const std::string&)> on_server_version)
    : shared_(shared), outcomes_(outcomes), on_server_version_(std::move(on_server_version)) {}

Control::~Control() { stop(); }

void Control::start() {
    thread_ = std::thread([this] { run(); });
}

void Control::stop() {
    stopping_.store(true);
    stop_wakeup_.wake();
    if (thread_.joinable()) thread_.join();
}

std::string Control::server_version() const {
    const Lock lock(version_mutex_);
    return server_version_;
}

void Control::run() {
    Backoff backoff(kBackoffFirst, kBackoffMax);
    while (!stopping_.load()) {
        std::string error;
        try {
            connection_ = PgConnection::open(shared_.config.upstream, shared_.config.upstream.database, "larder_control", stop_wakeup_, error);
            if (connection_) {
                backoff.reset();
                serve();
            } else {
                decide(rules::Reason::no_upstream, "the control connection cannot be opened: " + error);
            }
        } catch (const std::exception& e) {
            lost(e.what());
        }
        if (stopping_.load()) break;
        stop_wakeup_.wait(backoff.next());
    }
    shared_.upstream.set_not_serving(rules::Reason::no_upstream);
    is_connected_.store(false);
    connection_.reset();
}

void Control::serve() {
    if (!begin_incarnation()) return lost("the instance lock could not be taken");
    Instant next_check = now();
    while (!stopping_.load()) {
        if (shared_.upstream.take_foreign_server()) return lost("a server connection reached another server than the control connection");
        if (now() >= next_check) {
            if (!check_state()) return lost("the server does not answer as it should");
            check_console_rights();
            next_check = now() + kCheckInterval;
        }
        if (!settle_outcomes()) return lost("the server does not answer");
        const bool hurries = outcomes_.open() > 0;
        if (connection_->wait(stop_wakeup_, hurries ? kOutcomeInterval : std::min(kCheckInterval, kOutcomeInterval)) && !connection_->is_alive())
            return lost("the server closed the control connection");
    }
}

void Control::lost(const std::string& why) {
    // First of all: from here on no answer may come from the cache.
    decide(rules::Reason::no_upstream, why);
    is_connected_.store(false, std::memory_order_release);
    connection_.reset();
}

bool Control::begin_incarnation() {
    // This session's own statements must not be cut short or take a lock timeout from the role's settings.
    for (const char* setting : {"set statement_timeout = 0", "set lock_timeout = 0", "set idle_session_timeout = 0", "set search_path = pg_catalog"}) {
        const PgRows set = connection_->query(setting, kQueryTimeout);
        if (!set.ok && set.sqlstate.empty()) return false;  // an unknown setting (idle_session_timeout before 14) is fine
    }
    const std::int32_t number = random_number();
    const PgRows locked = connection_->query("select pg_catalog.pg_try_advisory_lock(" + std::to_string(session::kInstanceLockClass) + ", " +
                                                 std::to_string(number) + ")", kQueryTimeout);
    if (!locked.ok || locked.rows.size() != 1 || !locked.is_true(0, 0)) return false;
    if (numbers_.size() == kNumbersMax) numbers_.erase(numbers_.begin());
    numbers_.push_back(number);
    shared_.upstream.take_foreign_server();      // said of the incarnation before
    shared_.upstream.counters.server.move();     // every entry of it ends, then the new number counts
    shared_.upstream.set_instance_number(number);
    conf_load_time_.clear();
    is_connected_.store(true, std::memory_order_release);
    return true;
}

bool Control::check_state() {
    const PgRows state = connection_->query(state_query(numbers_, shared_.upstream.process_number()), kQueryTimeout);
    if (!state.ok || state.rows.size() != 1) return false;
    if (!state.is_true(0, 4)) return false;      // the lock is gone: somebody released it, or this is another backend behind a pooler
    const std::string conf_load_time = state.at(0, 1).value_or("");
    if (conf_load_time != conf_load_time_) {
        if (!conf_load_time_.empty()) {
            shared_.upstream.counters.server.move();
            log_info("the server's configuration was reloaded; cached answers are dropped");
        }
        conf_load_time_ = conf_load_time;
    }
    const std::string version = state.at(0, 3).value_or("");
    bool is_new_version = false;
    {
        const Lock lock(version_mutex_);
        is_new_version = server_version_ != version;
        server_version_ = version;
    }
    if (is_new_version) on_server_version_(version);

    if (state.is_true(0, 0)) decide(rules::Reason::replica, "the server is in recovery (a standby)");
    else if (state.at(0, 5))
        decide(rules::Reason::another_larder,
               "another Larder runs in front of this server (backend " + *state.at(0, 5) + "); stop one of the two, or let only one cache");
    else if (state.at(0, 6))
        decide(rules::Reason::another_larder, "connections of an earlier Larder are still open (backend " + *state.at(0, 6) + "); waiting until they have ended");
    else if (!shared_.reloadable.is_cache_enabled) decide(rules::Reason::cache_off, "the cache is turned off (cache.enabled)");
    else decide(rules::Reason::none, "");
    return true;
}

// A role that is gone has no right.
void Control::check_console_rights() {
    const auto roles = shared_.upstream.console_rights.roles();
    if (roles.empty()) return;
    std::string oids;
    for (const auto& role : roles) oids += (oids.empty() ? "" : ",") + std::to_string(role->oid());
    const PgRows found = connection_->query("select oid, rolsuper, pg_catalog.pg_has_role(oid, 'pg_monitor'::name, 'MEMBER') from pg_catalog.pg_roles where oid in (" + oids + ")", kQueryTimeout);
    if (!found.ok) return;  // if the connection is lost, the next look at the server finds it
    for (const auto& role : roles) {
        auto right = session::ConsoleRight::none;
        for (std::size_t row = 0; row < found.rows.size(); ++row) {
            if (found.at(row, 0) != std::to_string(role->oid())) continue;
            right = found.is_true(row, 1) ? session::ConsoleRight::may_change : found.is_true(row, 2) ? session::ConsoleRight::may_look : session::ConsoleRight::none;
        }
        role->set_right(right);
    }
}

bool Control::settle_outcomes() {
    const std::vector<std::int32_t> asked = outcomes_.pids();
    if (asked.empty()) return true;
    const PgRows found = connection_->query("select pid from pg_catalog.pg_stat_activity where pid in (" + list(asked) + ")", kQueryTimeout);
    if (!found.ok) return false;
    std::vector<std::int32_t> alive;
    for (std::size_t row = 0; row < found.rows.size(); ++row) {
        if (found.at(row, 0)) alive.push_back(static_cast<std::int32_t>(std::stol(*found.at(row, 0))));
    }
    outcomes_.settle(asked, alive);
    return true;
}

void Control::decide(rules::Reason reason, const std::string& why) {
    const rules::Reason before = shared_.upstream.not_serving();
    if (reason == rules::Reason::none && before != rules::Reason::none) {
        // Whoever wrote while nothing was served did so unseen.
        shared_.upstream.counters.server.move();
    }
    shared_.upstream.set_not_serving(reason);
    if (why == last_why_ && reason == before) return;
    last_why_ = why;
    if (reason == rules::Reason::none) log_info("serving from the cache", {{"server_version", server_version()}});
    else log_warn("not serving from the cache", {{"reason", std::string(rules::name(reason))}, {"why", why}});
}

}  // namespace larder::proxy
