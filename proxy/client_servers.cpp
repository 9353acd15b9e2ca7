// A client's server connection: how it is cancelled, dropped, asked for and given back.
#include <chrono>
#include <utility>

#include <sys/socket.h>

#include <boost/asio/post.hpp>

#include "proxy/client_calls.h"

namespace larder::proxy {
namespace {

constexpr std::chrono::milliseconds kCancelTimeout{10'000};

}  // namespace

void ClientConnection::cancel_server() {
    // Only when the request has arrived may the connection serve somebody else.
    auto done = [told = std::exchange(cancel_delivered_, nullptr), worker = &worker_, id = id_, number = session_->link_number()] {
        if (told) told();
        worker->cancel_sent(id, number);
    };
    asio::generic::stream_protocol::endpoint address;
    socklen_t size = static_cast<socklen_t>(address.capacity());
    if (!server_ || ::getpeername(server_->descriptor(), address.data(), &size) != 0) return done();
    address.resize(size);
    send_cancel(worker_.io(), address, session_->server_key(), kCancelTimeout, std::move(done));
}

void ClientConnection::on_cancel_sent(std::uint64_t link_number) {
    if (is_over_ || is_broken_ || is_closing_) return;
    guarded([&] { tell([&](session::Outputs& out) { session_->on_cancel_sent(link_number, out); }); });
    pump();
}

void ClientConnection::drop_server() {
    if (!server_) return;
    server_->close();
    server_.reset();
    server_place_ = {};
    worker_.lent_servers.sub();
    stop_counting();
}

// --- a hit that waits for the change feed

void ClientConnection::await_barrier() {
    if (!worker_.await_barrier(id_, ++barrier_number_))
        session_->on_barrier(session::BarrierOutcome::refused, std::chrono::microseconds{0});
}

void ClientConnection::on_barrier(std::uint64_t number, session::BarrierOutcome outcome, std::chrono::microseconds waited) {
    if (is_over_ || is_broken_ || is_closing_ || number != barrier_number_) return;
    worker_.note_activity();
    guarded([&] { session_->on_barrier(outcome, waited); });
    rest_is_due_ = rest_is_due_ || !client_->rest.empty();
    pump();
}

// --- a paused database

// The login's connection. That of a console login counts nowhere, and is not held up: who resumes has to come in first.
void ClientConnection::connect_server() {
    if (session_->gate() == nullptr) return worker_.connect(id_);
    if (!is_held_up()) open_server();
}

// While a database is paused its server may be gone.
void ClientConnection::look_up_user() {
    wants_user_ = is_held_up();
    if (!wants_user_) worker_.look_up_user(id_, std::string(session_->user()));
}

bool ClientConnection::is_held_up() {
    if (session_->gate() == nullptr || !session_->gate()->is_paused()) return false;
    is_held_ = true;
    worker_.hold(id_);
    wait_for_server();
    return true;
}

void ClientConnection::on_user_looked_up(const session::LookedUpUser& user) {
    worker_.note_activity();
    if (is_over_ || is_broken_ || is_closing_) return;
    guarded([&] { tell([&](session::Outputs& out) { session_->on_user_looked_up(user, out); }); });
    rest_is_due_ = !client_->rest.empty();
    pump();
}

void ClientConnection::open_server() {
    server_place_ = session::ServerPlace(*session_->gate());
    worker_.connect(id_);
}

void ClientConnection::on_resumed() {
    if (!is_held_ || is_over_ || is_broken_ || is_closing_) return;
    if (session_->gate()->is_paused()) return worker_.hold(id_);
    is_held_ = false;
    stop_waiting();
    if (std::exchange(wants_user_, false)) worker_.look_up_user(id_, std::string(session_->user()));
    else open_server();
}

// --- shared connections

void ClientConnection::carry_out_pool_needs(const session::Needs& needs) {
    if (needs.pinned) stop_counting();
    if (needs.release_server) release_server();
    if (needs.leave_queue) leave_queue();
    if (needs.reconsider) worker_.reconsider_later(id_);
    if (is_over_) return;
    if (needs.login_refused) {
        worker_.shared().servers.login_failed(session_->pool_key(), worker_, id_, worker_.context().now);
        wait_for_server();
    } else if (needs.acquire_server) {
        acquire_server();
    }
}

void ClientConnection::enter_pool() {
    if (!std::exchange(has_entered_pool_, true)) worker_.shared().servers.enter(session_->pool_key(), *session_->gate());
}

void ClientConnection::acquire_server() {
    enter_pool();
    PooledServerRef server;
    switch (worker_.shared().servers.acquire(session_->pool_key(), worker_, id_, worker_.context().now, server)) {
        case ServerPool::Answer::lent: return take_lent(server);
        case ServerPool::Answer::connect:
            is_counted_ = true;
            session_->on_connecting();
            return open_server();
        case ServerPool::Answer::queued: return wait_for_server();
    }
}

void ClientConnection::take_lent(const PooledServerRef& server) {
    stop_waiting();
    is_counted_ = true;
    server_opened_ = server->opened;
    server_place_ = std::move(server->place);
    auto link = std::move(server->link);
    server_ = PeerRef(new Peer(worker_.io(), std::exchange(server->descriptor, -1), false));
    if (server->tls) server_->start_tls(std::move(server->tls));
    worker_.lent_servers.add();
    server_->set_owner(this);
    server_->watch();
    tell([&](session::Outputs& out) { session_->on_server_lent(std::move(link), out); });
}

void ClientConnection::release_server() {
    auto link = session_->take_link();
    if (!server_) return;
    enter_pool();
    // Everything was answered, so nothing can be left in either direction.
    if (!link || server_->failed || !server_->pending.empty() || !server_->rest.empty()) return drop_server();
    std::unique_ptr<TlsSession> tls;
    const int descriptor = server_->detach(tls);
    server_.reset();
    worker_.lent_servers.sub();
    auto server = std::make_shared<PooledServer>(session_->pool_key(), descriptor, std::move(tls), std::move(link), server_opened_);
    server->place = std::move(server_place_);
    server->is_counted = std::exchange(is_counted_, false);
    worker_.shared().servers.give_back(std::move(server), worker_.context().now);
}

void ClientConnection::wait_for_server() {
    if (is_waiting_) return;
    is_waiting_ = true;
    waiting_since_ = worker_.context().now;
    worker_.wait_for_server(id_, ++wait_number_);
}

void ClientConnection::stop_waiting() {
    if (!std::exchange(is_waiting_, false)) return;
    if (auto* counts = session_->counts()) counts->wait_us.add(static_cast<std::uint64_t>((worker_.context().now - waiting_since_).count()));
}

void ClientConnection::leave_queue() {
    is_waiting_ = false;
    worker_.shared().servers.leave(session_->pool_key(), id_);
}

void ClientConnection::stop_counting() {
    if (std::exchange(is_counted_, false)) worker_.shared().servers.closed(session_->pool_key());
}

void ClientConnection::leave_pool() {
    if (!has_entered_pool_) return;
    if (is_waiting_) leave_queue();
    stop_counting();
    worker_.shared().servers.exit(session_->pool_key());
}

void ClientConnection::on_lent(PooledServerRef server) {
    worker_.note_activity();
    // It gave up meanwhile.
    if (is_over_ || is_broken_ || is_closing_ || !session_->awaits_server()) return worker_.shared().servers.give_back(std::move(server), worker_.context().now);
    guarded([&] { take_lent(server); });
    rest_is_due_ = !client_->rest.empty();
    pump();
}

void ClientConnection::on_may_connect(const std::string& key) {
    worker_.note_activity();
    if (is_over_ || is_broken_ || is_closing_ || !session_->awaits_server()) return worker_.shared().servers.closed(key);
    stop_waiting();
    is_counted_ = true;
    session_->on_connecting();
    open_server();
}

void ClientConnection::on_wait_deadline(std::uint64_t number) {
    if (is_over_ || is_broken_ || is_closing_ || !is_waiting_ || number != wait_number_) return;
    is_waiting_ = false;
    const bool was_held = std::exchange(is_held_, false);
    // False: one is on its way here.
    if (!was_held && (!session_->awaits_server() || !worker_.shared().servers.leave(session_->pool_key(), id_))) return;
    worker_.shared().wait_timeouts.fetch_add(1, std::memory_order_relaxed);
    const bool is_paused = session_->gate()->is_paused();
    const Bytes sqlstate = is_paused ? protocol::sqlstate::kCannotConnectNow : protocol::sqlstate::kTooManyConnections;
    const Bytes message = is_paused ? "the database is paused, and was not resumed within pool.max_wait" : "no server connection became free within pool.max_wait";
    guarded([&] {
        tell([&](session::Outputs& out) { was_held ? session_->on_held_too_long(sqlstate, message, out) : session_->on_no_server(sqlstate, message, out); });
    });
    pump();
}

void ClientConnection::reconsider() {
    if (is_over_ || is_broken_ || is_closing_) return;
    guarded([&] { tell([this](session::Outputs& out) { session_->reconsider(out); }); });
    pump();
}

void ClientConnection::on_second_level(std::uint64_t number, cache::ResultRef result) {
    if (is_over_) return;
    guarded([&] { session_->on_second_level(number, std::move(result)); });
    rest_is_due_ = !client_->rest.empty();
    pump();
}

}  // namespace larder::proxy
