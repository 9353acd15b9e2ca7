#include "proxy/session/session.h"

#include "base/check.h"
#include "base/planted_fault.h"
#include "proxy/session/session_impl.h"
#include "protocol/error.h"

namespace larder::session {

Session::Impl::~Impl() {
    // Whoever destroys a session tells it first that its connections ended; marks that are left have an unknown outcome.
    leave_flight();
    writes.lost(context, backend_pid);
    if (pool != nullptr && pool->counted) context.metrics.pinned[static_cast<std::size_t>(*pool->counted)].sub();
}

void Session::Impl::fail_client(Outputs& out, std::string_view sqlstate, std::string_view message, std::string_view hint) {
    protocol::append_error(out.client.text(), {"FATAL", sqlstate, message, {}, hint});
    close_all();
}

void Session::Impl::close_all() {
    if (has_server) drop_server();
    if (pool != nullptr && pool->step == PoolState::Step::queued) needs.leave_queue = true;
    leave_flight();
    phase = Phase::closed;
    pause = Pause::none;
    needs.close_client = true;
}

void Session::Impl::drop_server() {
    needs.close_server = true;
    has_server = false;
    complete_captures.clear();
    owed.clear();
    query_since = transaction_since = {};
    // If they are under way, what they may do to the catalogue is now part of the unknown outcome.
    if (database != nullptr && !unended.empty() && writes.is_marked()) writes.sending_unknown(*database, false, context);
    end_unjudged();
    if (writes.has_written()) last_write_ended = Instant{clock_us()};
    writes.lost(context, backend_pid);
    if (pool != nullptr) {
        pool->link.reset();
        pool->cancels = 0;
    }
}

bool Session::Impl::leave_flight() {
    if (flight.state == Flight::State::waiting) {
        // False: the call is under way; on_flight() will find that nobody waits any more.
        if (!context.cache.leave({flight.key, flight.hash}, &waiter)) return false;
    } else if (flight.state == Flight::State::leads) {
        context.cache.fail({flight.key, flight.hash}, true);
    }
    flight = {};
    remote.state = Remote::State::none;
    remote.result = {};
    return true;
}

bool Session::Impl::is_idle() const { return phase == Phase::ready && owed.empty() && !batch_is_open && status == 'I' && pause == Pause::none && !copy_in; }

void Session::Impl::settle(char new_status, Outputs& out) {
    if (writes.has_written() || std::exchange(block.has_locked, false)) last_write_ended = Instant{clock_us()};
    // The server answered a question of Larder's own outside of the block that it does not know of.
    if (deferred.is_active && new_status == 'I') return writes.settled('I');
    const bool was_in_block = status != 'I';
    status = new_status;
    note_settled();
    if (is_planted(PlantedFault::mark_after_outcome) && status == 'I' && database) writes.may_commit(*database, context);
    writes.settled(status);
    owed_reads_only = true;
    if (!batch_is_open) batch_controls_transaction = false;
    if (status == 'I') {
        own.block_ended(!last_tag_was_rollback);
        end_unjudged();
        // What was SET LOCAL is undone; what may have stayed is read back before anything is given back.
        if (pool != nullptr && !pool->has_moved_state) pool->are_settings_known = true;
        if (block.changed_environment) env.reset();
        block = {};
        if (was_in_block) sequence.block_ended();
        portals.clear();
        last_hit = {};
        owed.release();
        if (shutdown_wanted) return fail_client(out, "57P01", "terminating connection because Larder is shutting down");
    } else if (!was_in_block && !block.is_understood) {
        block.is_opaque = true;  // a block that nobody saw begin
    }
    if (pool != nullptr && pool->mode == PoolMode::statement && status != 'I' && phase == Phase::ready) {
        fail_client(out, protocol::sqlstate::kProtocolViolation, "transaction blocks are not allowed in pool mode \"statement\"");
    }
}

Session::Session(Context& context, ClientInfo client, cache::FlightWaiter& waiter)
    : impl_(std::make_unique<Impl>(context, std::move(client), waiter)) {}
Session::~Session() = default;

std::size_t Session::on_client_bytes(Bytes in, Outputs& out) {
    auto& s = *impl_;
    switch (s.phase) {
        case Impl::Phase::startup: return s.on_startup(in, out);
        case Impl::Phase::own_login: return s.own_login == nullptr ? 0 : s.on_own_login_bytes(in, out);
        case Impl::Phase::login:
            if (s.own_login != nullptr) return 0;  // Larder answers the server; what the client sends early is for later
            [[fallthrough]];
        case Impl::Phase::ready:
            if (s.has_terminated) return in.size();
            return s.pause == Impl::Pause::none ? s.on_ready_bytes(in, out) : 0;
        case Impl::Phase::console: return s.on_console_bytes(in, out);
        case Impl::Phase::tls_handshake:
        case Impl::Phase::connecting:
        case Impl::Phase::set_up: return 0;
        case Impl::Phase::closed: return in.size();
    }
    return in.size();
}

std::size_t Session::on_server_bytes(Bytes in, Outputs& out) {
    auto& s = *impl_;
    if (!s.has_server) return in.size();
    if (s.pool != nullptr && s.pool->step == PoolState::Step::login) {
        const auto consumed = s.on_second_login_reply(in, out);
        return s.pool->step == PoolState::Step::login || !s.has_server ? consumed : consumed + s.on_reply(in.substr(consumed), out);
    }
    if (s.phase == Impl::Phase::login) {
        const auto consumed = s.on_login_reply(in, out);
        if (s.phase == Impl::Phase::login || !s.has_server) return consumed;
        return consumed + s.on_reply(in.substr(consumed), out);
    }
    return s.on_reply(in, out);
}

void Session::on_client_tls_ready(std::string certificate_name) {
    impl_->is_client_tls = true;
    impl_->certificate_name = std::move(certificate_name);
    impl_->phase = Impl::Phase::startup;
}

void Session::on_user_looked_up(const LookedUpUser& user, Outputs& out) { impl_->user_looked_up(user, out); }

void Session::on_server_connected(bool over_tls, Outputs& out) {
    auto& s = *impl_;
    if (s.counts != nullptr) s.counts->assignments.add();
    if (s.pool != nullptr && s.pool->step == PoolState::Step::connecting && s.phase == Impl::Phase::ready) {
        s.is_server_tls = over_tls;
        s.context.metrics.server_connections.add();
        return s.begin_second_login(out);
    }
    if (s.phase != Impl::Phase::connecting) {
        s.needs.close_server = true;
        return;
    }
    s.has_server = true;
    s.is_server_tls = over_tls;
    s.phase = Impl::Phase::login;
    s.context.metrics.server_connections.add();
    if (s.pool != nullptr) {
        s.pool->link = std::make_unique<ServerLink>();
        s.pool->link->last_client = s.client.id;
        s.note_login_begins();
    }
    s.send_startup(out);
}

void Session::on_server_failed(std::string_view sqlstate, std::string_view message, Outputs& out) {
    auto& s = *impl_;
    if (s.phase == Impl::Phase::connecting) return s.fail_client(out, sqlstate, message);
    if (s.pool != nullptr && s.pool->step == PoolState::Step::connecting && s.phase == Impl::Phase::ready) s.second_login_failed(sqlstate, message, out);
}

void Session::on_held_too_long(std::string_view sqlstate, std::string_view message, Outputs& out) {
    if (impl_->phase != Impl::Phase::closed) impl_->fail_client(out, sqlstate, message);
}

void Session::on_server_closed(Outputs& out) {
    auto& s = *impl_;
    if (!s.has_server) return;
    if (s.pool != nullptr && s.phase == Impl::Phase::ready && s.pool->step != PoolState::Step::none) {
        if (s.pool->step != PoolState::Step::login) return s.lose_before_use(out);
        return s.second_login_failed("08006", "server closed the connection unexpectedly", out);
    }
    s.drop_server();
    if (s.phase == Impl::Phase::closed) return;
    if (s.error_was_forwarded || s.has_terminated) return s.close_all();
    s.fail_client(out, "08006", "server closed the connection unexpectedly",
                  "The PostgreSQL server behind Larder ended this connection, perhaps by a crash or a restart.");
}

void Session::on_client_closed(Outputs& out) {
    auto& s = *impl_;
    if (s.phase == Impl::Phase::closed) return;
    if (s.has_server) {
        // An idle server is told. A busy one is cancelled if it only reads, since it may not look at its socket for a long
        // time; a write runs to its end, as it would have without Larder.
        if (s.has_terminated) {
            // It has been told already, and does what it was asked before as far as it can.
        } else if (s.owed.empty() && s.phase == Impl::Phase::ready) {
            if (!s.leave_server(out)) out.server.append(protocol::kTerminate);
        }
        else if (s.owed_reads_only && !s.server_key.secret().empty()) s.needs.cancel_server = true;
    }
    s.close_all();
}

void Session::on_flight(cache::ResultRef result, bool leads) {
    auto& s = *impl_;
    if (s.flight.state != Impl::Flight::State::waiting) {
        // The session left meanwhile. A lead that nobody takes goes on to the next waiter.
        if (leads && !s.flight.key.empty()) s.context.cache.fail({s.flight.key, s.flight.hash}, true);
        return;
    }
    s.flight.result = std::move(result);
    if (s.flight.result) s.flight.state = Impl::Flight::State::landed;
    else s.flight.state = leads ? Impl::Flight::State::leads : Impl::Flight::State::alone;
    if (s.phase == Impl::Phase::closed) {
        s.leave_flight();
        return;
    }
    if (s.pause == Impl::Pause::flight) s.pause = Impl::Pause::none;
}

void Session::on_barrier(BarrierOutcome outcome, std::chrono::microseconds waited) { impl_->barrier_ended(outcome, waited); }

void Session::on_second_level(std::uint64_t number, cache::ResultRef result) {
    auto& s = *impl_;
    if (s.remote.state != Impl::Remote::State::asked || s.remote.number != number) return;
    s.remote.state = Impl::Remote::State::answered;
    s.remote.result = std::move(result);
    if (s.pause == Impl::Pause::second_level) s.pause = Impl::Pause::none;
}

SecondLevelRequest Session::second_level_request() const {
    return {impl_->remote.number, {impl_->flight.key, impl_->flight.hash}, &impl_->database->counters()};
}

void Session::on_cancel(Outputs&) {
    auto& s = *impl_;
    if (s.console_waits) return s.cancel_console();
    if (s.pause == Impl::Pause::flight || s.pause == Impl::Pause::second_level) {
        if (!s.leave_flight()) return;  // its answer is here already
        s.cancelled = true;
        s.pause = Impl::Pause::none;
    } else if (s.pause == Impl::Pause::barrier) {
        s.cancelled = true;
        s.pause = Impl::Pause::none;
    } else if (s.pause == Impl::Pause::server) {
        // As if the server had got the message. One that is being connected goes on and is given back.
        if (!s.pool->is_message_cancellable) return;
        s.cancelled = true;
        s.leave_flight();
        if (s.pool->step != PoolState::Step::queued) return;
        s.pool->step = PoolState::Step::none;
        s.needs.leave_queue = true;
        s.pause = Impl::Pause::none;
    } else if (s.has_server && !s.owed.empty()) {
        s.needs.cancel_server = true;
    }
}

void Session::on_server_lent(std::unique_ptr<ServerLink> link, Outputs& out) { impl_->on_server_lent(std::move(link), out); }
void Session::on_connecting() { impl_->pool->step = PoolState::Step::connecting; }

void Session::on_no_server(std::string_view sqlstate, std::string_view message, Outputs& out) {
    auto& s = *impl_;
    if (s.phase == Impl::Phase::closed || s.pool == nullptr) return;
    s.pool->step = PoolState::Step::none;
    const bool is_full = sqlstate == protocol::sqlstate::kTooManyConnections;
    s.fail_client(out, sqlstate, message, is_full ? "All server connections of this database and role are in use: see pool.size, and SHOW POOLS for those that are pinned." : "");
}

void Session::on_cancel_sent(std::uint64_t number, Outputs& out) {
    auto& s = *impl_;
    if (s.pool == nullptr || s.pool->link_number != number || s.pool->cancels == 0) return;
    --s.pool->cancels;
    s.give_back(out);
}

void Session::reconsider(Outputs& out) {
    auto& s = *impl_;
    if (s.console_waits) return s.ask_console_again();
    if (s.phase == Impl::Phase::ready && s.deferred.is_active) {
        if (s.is_idle_too_long()) return s.fail_client(out, "25P03", "terminating connection due to idle-in-transaction timeout");
        if (s.env != nullptr && idle_in_transaction_us(*s.env) > 0) s.needs.reconsider = true;
    }
    if (s.pool == nullptr) return;
    s.pool->will_be_reconsidered = false;
    // Those who share must not wait for it any longer.
    if (!s.unjudged.empty() && s.may_give_back()) s.pool->seen.add(Pin::unjudged);
    s.give_back(out);
}
std::unique_ptr<ServerLink> Session::take_link() { return std::move(impl_->pool->link); }
bool Session::awaits_server() const {
    return impl_->pool != nullptr && impl_->phase == Impl::Phase::ready && impl_->pool->step == PoolState::Step::queued && !impl_->has_server;
}
const std::string& Session::pool_key() const {
    static const std::string kNone;
    return impl_->pool->login == nullptr ? kNone : impl_->pool->login->pool_key;
}
std::uint64_t Session::link_number() const { return impl_->pool == nullptr ? 0 : impl_->pool->link_number; }
std::string_view Session::pinned_by() const {
    return impl_->pool != nullptr && impl_->pool->counted ? name(*impl_->pool->counted) : std::string_view{};
}

void Session::on_shutdown(Outputs& out) {
    auto& s = *impl_;
    if (s.phase == Impl::Phase::closed) return;
    // Whoever waits for a paused database would keep Larder from its end.
    const bool waits_in_vain = s.pause == Impl::Pause::server && s.pool->step == PoolState::Step::queued && s.database->gate().is_paused();
    if (s.phase == Impl::Phase::ready && !s.is_idle() && !waits_in_vain) s.shutdown_wanted = true;
    else s.fail_client(out, "57P01", "terminating connection because Larder is shutting down");
}

void Needs::merge(const Needs& more) {
    start_client_tls |= more.start_client_tls;
    look_up_user |= more.look_up_user;
    ask_second_level |= more.ask_second_level;
    connect_server |= more.connect_server;
    route_cancel |= more.route_cancel;
    cancel_server |= more.cancel_server;
    close_server |= more.close_server;
    release_server |= more.release_server;
    acquire_server |= more.acquire_server;
    login_refused |= more.login_refused;
    leave_queue |= more.leave_queue;
    pinned |= more.pinned;
    reconsider |= more.reconsider;
    await_barrier |= more.await_barrier;
    close_client |= more.close_client;
}

Needs Session::take_needs() {
    // Until it has arrived, the connection must not serve anybody else.
    if (impl_->needs.cancel_server && impl_->pool != nullptr) ++impl_->pool->cancels;
    return std::exchange(impl_->needs, {});
}
bool Session::is_paused() const {
    const auto phase = impl_->phase;
    return impl_->pause != Impl::Pause::none || impl_->console_waits || phase == Impl::Phase::tls_handshake || phase == Impl::Phase::connecting || phase == Impl::Phase::set_up ||
           (phase == Impl::Phase::login && impl_->own_login != nullptr) || (phase == Impl::Phase::own_login && impl_->own_login == nullptr);
}
bool Session::is_logged_in() const { return impl_->phase == Impl::Phase::ready || impl_->phase == Impl::Phase::console; }
bool Session::is_idle() const { return impl_->is_idle() || impl_->phase == Impl::Phase::console; }
bool Session::must_read_server() const {
    for (std::size_t i = 0; i < impl_->owed.size(); ++i) {
        const auto* capture = impl_->owed.at(i).capture.get();
        if (capture != nullptr && !capture->is_given_up()) return true;
    }
    return false;
}
const protocol::CancelKey& Session::cancel_request() const { return impl_->cancel_request; }
const protocol::CancelKey& Session::server_key() const { return impl_->server_key; }
DatabaseGate* Session::gate() const { return impl_->database == nullptr ? nullptr : &impl_->database->gate(); }
DatabaseCounts* Session::counts() const { return impl_->counts; }
bool Session::is_replication() const { return impl_->login.is_replication; }
std::size_t Session::prepared_statements() const { return impl_->prepared.size(); }
std::size_t Session::server_statements() const {
    const auto* link = impl_->pool == nullptr ? nullptr : impl_->pool->link.get();
    return link == nullptr || link->is_own ? impl_->prepared.size() : link->statements.size();
}
std::string_view Session::database() const { return impl_->login.database; }
std::string_view Session::user() const { return impl_->login.user; }
std::string_view Session::application_name() const { return impl_->login.application_name; }
const ClientInfo& Session::client() const { return impl_->client; }

std::string_view Session::state_name() const {
    const auto& s = *impl_;
    switch (s.phase) {
        case Impl::Phase::startup:
        case Impl::Phase::tls_handshake:
        case Impl::Phase::own_login:
        case Impl::Phase::connecting:
        case Impl::Phase::login:
        case Impl::Phase::set_up: return "login";
        case Impl::Phase::console: return "console";
        case Impl::Phase::closed: return "closed";
        case Impl::Phase::ready: break;
    }
    if (s.pause == Impl::Pause::flight || s.pause == Impl::Pause::second_level || s.pause == Impl::Pause::server || s.pause == Impl::Pause::barrier) return "waiting";
    if (!s.owed.empty() || s.batch_is_open) return "active";
    return s.status == 'I' ? "idle" : "idle in transaction";
}

}  // namespace larder::session
