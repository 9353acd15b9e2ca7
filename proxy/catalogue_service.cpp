#include "proxy/catalogue_service.h"

#include <algorithm>

#include <sys/socket.h>

#include "base/log.h"
#include "proxy/catalogue_loader.h"

namespace larder::proxy {
namespace {

using std::chrono::milliseconds;

// How soon a session's wish is noticed, and how finely time in flight is sampled.
constexpr milliseconds kInterval{5};
constexpr milliseconds kIdleInterval{100};  // without clients: a machine that has nothing to do shall sleep
constexpr milliseconds kQueryTimeout{10'000};
// Databases beyond these are loaded all the same, but their connection is opened anew each time.
constexpr std::size_t kConnectionsMax = 8;
// A poll of a large catalogue may take this part of the loader's time.
constexpr int kPollPartOfTime = 20;

// Names the socket of a load while there is one.
class BusySocket {
public:
    BusySocket(std::atomic<int>& slot, int socket) : slot_(slot) { slot_.store(socket); }
    ~BusySocket() { slot_.store(-1); }
    BusySocket(const BusySocket&) = delete;
    BusySocket& operator=(const BusySocket&) = delete;

private:
    std::atomic<int>& slot_;
};

}  // namespace

CatalogueService::CatalogueService(Shared& shared) : shared_(shared) {}
CatalogueService::~CatalogueService() { stop(); }

void CatalogueService::start() {
    thread_ = std::thread([this] { run(); });
}

void CatalogueService::stop() {
    stopping_.store(true);
    stop_wakeup_.wake();
    // A load under way waits as long as the server takes; without its socket it fails at once.
    if (const int socket = busy_socket_.load(); socket >= 0) ::shutdown(socket, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
}

std::vector<CatalogueService::Status> CatalogueService::status() const {
    const Lock lock(mutex_);
    std::vector<Status> all;
    for (const auto& [state, status] : published_) all.push_back(status);
    return all;
}

void CatalogueService::run() {
    Instant before = now();
    while (!stopping_.load()) {
        stop_wakeup_.wait(shared_.clients.load(std::memory_order_relaxed) > 0 ? kInterval : kIdleInterval);
        const Instant at = now();
        for (session::DatabaseState* state : shared_.upstream.databases()) {
            Database& database = databases_[state];
            if (database.state == nullptr) {
                database.state = state;
                database.status.database = state->name();
            }
        }
        sample_in_flight(at - before);
        before = at;
        for (auto& [state, database] : databases_) {
            if (stopping_.load()) break;
            try {
                visit(database);
            } catch (const std::exception& e) {
                close(database);
                database.state->want_facts();
                if (shared_.upstream.own_transactions.are_wanted()) database.state->want_files(), database.state->want_check();
                note_failure(database, e.what());
            }
        }
        const Lock lock(mutex_);
        for (const auto& [state, database] : databases_) published_[state] = database.status;
    }
    databases_.clear();
}

void CatalogueService::sample_in_flight(std::chrono::microseconds passed) {
    const double seconds = static_cast<double>(passed.count()) / 1e6;
    for (auto& [state, database] : databases_) {
        const auto& counters = state->counters();
        const bool is_unknown = cache::Counter::is_in_flight(counters.any.load()) || cache::Counter::is_in_flight(counters.catalogue.load());
        if (is_unknown) database.status.unknown_in_flight_seconds += seconds;
    }
}

bool CatalogueService::may_load() const {
    return shared_.has_upstream_login && shared_.upstream.instance_number() != 0 &&
           shared_.upstream.not_serving() != rules::Reason::no_upstream;
}

// True: its database is paused, and nobody needs facts any more. Until then sessions may wait for them to give their connection back.
bool CatalogueService::leaves_to_gate(Database& database) {
    const auto& gate = database.state->gate();
    const std::uint64_t own = database.connection ? 1 : 0;
    const bool is_left_alone = gate.is_paused() && gate.places().taken <= own;
    if (is_left_alone || database.place.is_old()) close(database);
    return is_left_alone;
}

void CatalogueService::visit(Database& database) {
    if (leaves_to_gate(database) || !may_load()) return;
    const Instant at = now();
    if (at < database.retry_at) return;
    const bool lacks_files = shared_.upstream.own_transactions.are_wanted() && database.state->files() == nullptr;
    if ((lacks_files || database.state->are_files_wanted()) && at >= database.files_at) load_files(database);
    if (database.state->take_facts_wanted()) return load_anew(database);
    if (at >= database.check_at && database.state->facts() != nullptr && database.state->take_check_wanted()) return check(database);
    const bool is_in_use = database.state->facts() != nullptr && shared_.clients.load(std::memory_order_relaxed) > 0;
    if (is_in_use && at >= database.poll_at) load(database, true);
}

// A load that begins after somebody wrote to the catalogue is a look at it as well.
void CatalogueService::load_anew(Database& database) {
    const bool is_check = database.state->take_check_wanted();
    load(database, false);
    if (!is_check) return;
    if (database.state->valid_facts() == nullptr) database.state->want_check();
    database.state->check_ended();
}

// Somebody wrote to the catalogue. What keeps it from being looked at must not end the wish.
void CatalogueService::check(Database& database) {
    switch (load(database, true)) {
        case Look::made: break;
        case Look::in_flight: database.state->want_check(); break;                    // again at the next interval
        case Look::unreachable: note_change_from_elsewhere(database); break;          // nobody knows
    }
    database.state->check_ended();
}

CatalogueService::Look CatalogueService::load(Database& database, bool is_poll) {
    session::DatabaseState& state = *database.state;
    const Instant begun = now();
    database.used = begun;
    const std::uint64_t server_word = state.server().server.load();
    const std::uint64_t catalogue_word = state.counters().catalogue.load();
    if (cache::Counter::is_in_flight(server_word) || cache::Counter::is_in_flight(catalogue_word)) {
        if (!is_poll) state.want_facts();
        return Look::in_flight;  // again at the next interval
    }
    std::string error;
    if (!connect(database, error)) {
        if (!is_poll) state.want_facts();
        note_failure(database, error);
        return Look::unreachable;
    }
    const BusySocket busy(busy_socket_, PQsocket(database.connection->raw()));
    if (stopping_.load()) return Look::made;  // after the socket was named: either this is seen here, or stop() sees the socket
    const auto before = state.facts();
    const bool was_valid = before != nullptr && before->server_word == server_word && before->catalogue_word == catalogue_word;
    if (is_poll && was_valid) {
        const bool is_same = load_catalogue_digest(database.connection->raw()) == database.state_digest;
        note_success(database, begun);
        if (!is_same) note_change_from_elsewhere(database);
        return Look::made;
    }
    state.begin_load();
    rules::CatalogueRows rows = load_catalogue_rows(database.connection->raw());
    std::string state_digest = rows.state_digest;
    auto catalogue = rules::Catalogue::build(std::move(rows));
    ++database.status.loads;
    note_success(database, begun);
    if (state.server().server.load() != server_word || state.counters().catalogue.load() != catalogue_word) {
        if (!is_poll) state.want_facts();  // something moved meanwhile, and the facts of before are no more
        return Look::made;
    }
    const bool is_changed = before == nullptr || database.state_digest != state_digest || before->catalogue->digest() != catalogue->digest();
    if (was_valid && is_changed) return note_change_from_elsewhere(database), Look::made;
    database.state_digest = std::move(state_digest);
    if (!is_changed) catalogue = before->catalogue;
    auto facts = std::make_shared<session::CatalogueFacts>();
    facts->catalogue = std::move(catalogue);
    facts->server_word = server_word;
    facts->catalogue_word = catalogue_word;
    if (!was_valid && !state.publish(std::move(facts))) return state.want_facts(), Look::made;  // a statement under way may have changed it
    if (before == nullptr || is_changed)
        log_info("catalogue loaded", {{"database", printable(state.name())}, {"relations", std::to_string(state.facts()->catalogue->relation_count())}});
    return Look::made;
}

void CatalogueService::note_success(Database& database, Instant begun) {
    database.status.load_error.clear();
    database.backoff.reset();
    const auto took = std::chrono::duration_cast<milliseconds>(now() - begun);
    database.check_at = now() + took * kPollPartOfTime;
    database.poll_at = std::max(now() + shared_.reloadable.catalogue_poll.load(), database.check_at);
}

// What the change feed needs to know which relation a file belongs to.
void CatalogueService::load_files(Database& database) {
    const Instant begun = now();
    database.used = begun;
    database.state->take_files_wanted();  // before the look: a wish that comes meanwhile is for another one
    std::string error;
    if (!connect(database, error)) {
        // It may be gone, and another one have its name before long: what was known of it is not true any more.
        if (database.state->files() != nullptr) note_change_from_elsewhere(database);
        database.state->set_may_ask_for_transaction(false);
        database.state->publish(std::shared_ptr<const session::RelationFiles>());
        database.state->want_files();
        return note_failure(database, error);
    }
    const BusySocket busy(busy_socket_, PQsocket(database.connection->raw()));
    if (stopping_.load()) return;
    const auto before = database.state->files();
    auto files = std::make_shared<session::RelationFiles>(load_relation_files(database.connection->raw()));
    // A database that was dropped and made again under its name: nothing that was known of it is true.
    if (before != nullptr && before->database != files->database) note_change_from_elsewhere(database);
    database.state->set_may_ask_for_transaction(files->may_ask_for_transaction);
    database.state->publish(std::move(files));
    database.files_at = now() + std::chrono::duration_cast<milliseconds>(now() - begun) * kPollPartOfTime;
}

// DDL that did not come through Larder: what depends on the old facts ends, and new ones are loaded under the next word.
void CatalogueService::note_change_from_elsewhere(Database& database) {
    log_info("the catalogue was changed from elsewhere", {{"database", printable(database.state->name())}});
    database.state->counters().catalogue.move();
    database.state->want_facts();
}

bool CatalogueService::connect(Database& database, std::string& error) {
    const std::int32_t instance = shared_.upstream.instance_number();
    if (database.connection && (database.checked_instance != instance || !database.connection->is_alive())) close(database);
    if (!database.connection) {
        close_oldest();
        database.place = session::ServerPlace(database.state->gate());
        database.connection = PgConnection::open(shared_.config.upstream, database.state->name(), "larder_catalogue", stop_wakeup_, error);
        if (!database.connection) return close(database), false;
        for (const char* setting : {"set statement_timeout = 0", "set idle_session_timeout = 0", "set default_transaction_read_only = on"}) {
            const PgRows set = database.connection->query(setting, kQueryTimeout);
            if (!set.ok && set.sqlstate.empty()) return error = set.error, close(database), false;
        }
    }
    const PgRows found = database.connection->query(
        "select 1 from pg_catalog.pg_locks where locktype = 'advisory' and objsubid = 2 and granted and classid = " +
            std::to_string(session::kInstanceLockClass) + " and objid = " + std::to_string(instance), kQueryTimeout);
    if (!found.ok || found.rows.empty()) {
        error = found.ok ? "this connection reached another server than the control connection" : found.error;
        close(database);
        return false;
    }
    database.checked_instance = instance;
    return true;
}

void CatalogueService::close(Database& database) {
    database.connection.reset();
    database.place = {};
}

void CatalogueService::close_oldest() {
    Database* oldest = nullptr;
    std::size_t open = 0;
    for (auto& [state, database] : databases_) {
        if (!database.connection) continue;
        ++open;
        if (oldest == nullptr || database.used < oldest->used) oldest = &database;
    }
    if (open >= kConnectionsMax) close(*oldest);
}

void CatalogueService::note_failure(Database& database, const std::string& error) {
    if (database.status.load_error != error)
        log_warn("the catalogue cannot be loaded; nothing of this database is cached", {{"database", printable(database.state->name())}, {"error", error}});
    database.status.load_error = error;
    database.retry_at = now() + database.backoff.next();
}

}  // namespace larder::proxy
