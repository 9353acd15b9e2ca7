#include "proxy/operator.h"

#include "base/log.h"

namespace larder::proxy {

using session::DatabaseGate;

namespace {

void log_command(const char* command, const std::string& database) {
    log_info("a command of the console", {{"command", command}, {"database", database.empty() ? "all" : printable(database)}});
}

}  // namespace

std::vector<session::DatabaseState*> Operator::named(const std::string& database) const {
    if (database.empty()) return shared_.upstream.databases();
    auto* found = shared_.upstream.find_database(database);
    return found == nullptr ? std::vector<session::DatabaseState*>{} : std::vector{found};
}

bool Operator::is_known(const std::string& database) const { return shared_.upstream.find_database(database) != nullptr; }

bool Operator::pause(const std::string& database) {
    log_command("PAUSE", database);
    bool is_new = false;
    if (database.empty()) is_new = shared_.upstream.pause_all();
    for (auto* state : database.empty() ? std::vector<session::DatabaseState*>{} : named(database)) is_new |= state->gate().pause(DatabaseGate::PausedBy::database);
    shared_.servers.sweep(now());
    return is_new;
}

bool Operator::resume(const std::string& database) {
    log_command("RESUME", database);
    const auto cause = database.empty() ? DatabaseGate::PausedBy::all : DatabaseGate::PausedBy::database;
    const auto states = named(database);
    // While a database was paused whatever happened to it went round Larder: it may be another one by the same name. The counters move
    // before anybody is let through.
    for (auto* state : states) {
        if (!state->gate().is_paused_by(cause)) continue;
        state->counters().catalogue.move();
        state->want_facts();
    }
    bool was_paused = false;
    if (database.empty()) was_paused = shared_.upstream.resume_all();
    else for (auto* state : states) was_paused |= state->gate().resume(cause);
    shared_.servers.sweep(now());
    for (const auto& worker : workers_) worker->post_resumed();
    return was_paused;
}

void Operator::set_disabled(const std::string& database, bool is_disabled) {
    log_command(is_disabled ? "DISABLE" : "ENABLE", database);
    for (auto* state : named(database)) state->gate().set_disabled(is_disabled);
}

void Operator::reconnect(const std::string& database) {
    log_command("RECONNECT", database);
    for (auto* state : named(database)) state->gate().begin_generation();
    if (database.empty()) shared_.upstream.strangers().gate().begin_generation();
    shared_.servers.sweep(now());
}

void Operator::kill(const std::string& database) {
    log_command("KILL", database);
    const auto states = named(database);
    // Paused first, so that no client comes in between.
    if (database.empty()) shared_.upstream.pause_all();
    else for (auto* state : states) state->gate().pause(DatabaseGate::PausedBy::database);
    for (auto* state : states) {
        for (const auto& worker : workers_) worker->post_kill_database(&state->gate());
    }
    shared_.servers.sweep(now());
}

DatabaseGate::Places Operator::places(const std::string& database) const {
    DatabaseGate::Places sum;
    for (const auto* state : named(database)) {
        const auto places = state->gate().places();
        sum.taken += places.taken, sum.old += places.old;
    }
    return sum;
}

void Operator::shut_down(Shutdown how) {
    log_info("a command of the console", {{"command", "SHUTDOWN"}});
    shutdown_.store(static_cast<int>(how), std::memory_order_release);
    if (on_shutdown_) on_shutdown_();
}

std::optional<Shutdown> Operator::take_shutdown() {
    const int how = shutdown_.exchange(kNone, std::memory_order_acq_rel);
    if (how == kNone) return std::nullopt;
    return static_cast<Shutdown>(how);
}

}  // namespace larder::proxy
