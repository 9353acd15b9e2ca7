#include "proxy/client_calls.h"

#include <algorithm>
#include <chrono>
#include <new>

#include <sys/socket.h>

#include "base/check.h"
#include "base/log.h"
#include "protocol/error.h"
#include "proxy/socket_options.h"
#include "proxy/worker.h"

namespace larder::proxy {
namespace {

// After so many pieces another connection has its turn.
constexpr int kRoundsMax = 16;

void release(std::string& text) { std::string().swap(text); }

bool ends_with_ready(Bytes in) {
    constexpr std::size_t kReadyBytes = 6;
    return in.size() >= kReadyBytes && in.substr(in.size() - kReadyBytes).starts_with(Bytes("Z\0\0\0\5", 5));
}

}  // namespace

ClientConnection::ClientConnection(Worker& worker, PeerRef client, session::ClientInfo info)
    : worker_(worker), id_(info.id), client_(std::move(client)), waiter_(worker, info.id), request_at_(worker.context().now), connected_us_(wall_clock_us()) {
    session_ = std::make_unique<session::Session>(worker.context(), std::move(info), waiter_);
}

ClientConnection::~ClientConnection() = default;

void ClientConnection::start() {
    client_->set_owner(this);
    client_->watch();
}

void ClientConnection::on_readable(bool) {
    worker_.note_activity();
    pump();
}

void ClientConnection::on_writable(bool is_client) {
    worker_.note_activity();
    Peer* peer = is_client ? client_.get() : server_.get();
    if (peer == nullptr || is_over_) return;
    if (peer->tls() != nullptr) peer->readable = true;  // a TLS read may have waited for this
    if (!peer->pending.empty()) {
        const IoStatus status = peer->write(peer->pending);
        if (status == IoStatus::closed) {
            fail(*peer);
        } else if (status != IoStatus::done) {
            peer->wait_writable();
        } else {
            peer->pending.release();
        }
    }
    if (is_client && is_closing_ && (client_->failed || client_->pending.empty())) return finish();
    if (is_client && wants_tls_ && client_->pending.empty()) {
        wants_tls_ = false;
        needs_.start_client_tls = true;
    }
    pump();
}

void ClientConnection::pump() {
    guarded([this] {
        for (int round = 0; round < kRoundsMax; ++round) {
            if (is_over_ || is_closing_) return;
            if (needs_.any()) carry_out_needs();
            if (is_over_ || is_closing_ || !step()) return;
        }
        worker_.pump_later(id_);
    });
}

// It has logged in, or will not any more.
void ClientConnection::note_login() {
    if (std::exchange(is_logging_in_, false)) worker_.shared().logging_in.fetch_sub(1, std::memory_order_relaxed);
    // The server was opened before anybody knew whether there is such a database. One that RECONNECT has made old stays so.
    auto* gate = session_->gate();
    if (gate != nullptr && server_place_.number() != 0 && !server_place_.is_of(*gate) && !server_place_.is_old())
        server_place_ = session::ServerPlace(*gate);
}

bool ClientConnection::step() {
    if (client_lost_) {
        client_gone();
        return false;
    }
    if (is_handshaking_) return client_->readable && step_client_tls();
    bool progressed = false;
    if (rest_is_due_) {
        if (!session_->is_paused()) {
            feed_rest();
            progressed = true;
        }
    } else if (client_->readable && may_read_client()) {
        read_client();
        progressed = true;
    }
    if (is_over_ || needs_.any()) return !is_over_;
    if (server_ && server_->readable && may_read_server()) {
        read_server();
        progressed = true;
    }
    return progressed;
}

bool ClientConnection::may_read_client() const {
    return !wants_tls_ && !is_routing_cancel_ && !session_->is_paused() && (!server_ || server_->pending.size() <= kPendingBytesMax);
}

bool ClientConnection::may_read_server() const { return client_->pending.size() <= kPendingBytesMax || session_->must_read_server(); }

// One read into the worker's buffer, behind what was left over, and one call of `feed`, which says how much it consumed.
template <class Feed>
ClientConnection::Taken ClientConnection::take_in(Peer& peer, Feed feed) {
    const std::span<char> buffer = worker_.read_buffer();
    const std::size_t held = peer.rest.size();
    if (held <= buffer.size() / 2) {
        std::copy_n(peer.rest.data(), held, buffer.data());
        const std::size_t room = buffer.size() - held;
        const IoResult got = peer.read(buffer.data() + held, room);
        if (got.status != IoStatus::done) return {got.status};
        const Bytes in{buffer.data(), held + got.bytes};
        const std::size_t used = feed(in);
        if (used < in.size()) peer.rest.assign(in.substr(used));
        else if (held > 0) release(peer.rest);
        return {IoStatus::done, got.bytes, got.bytes < room};
    }
    // A long frame is being collected: read behind it, without copying it each time.
    peer.rest.resize(held + buffer.size());
    const IoResult got = peer.read(peer.rest.data() + held, buffer.size());
    peer.rest.resize(held + (got.status == IoStatus::done ? got.bytes : 0));
    if (got.status != IoStatus::done) return {got.status};
    const std::size_t used = feed(Bytes{peer.rest});
    if (used == peer.rest.size()) release(peer.rest);
    else if (used > 0) peer.rest.erase(0, used);
    return {IoStatus::done, got.bytes, got.bytes < buffer.size()};
}

void ClientConnection::read_client() {
    const Taken taken = take_in(*client_, [this](Bytes in) { return feed_client(in); });
    switch (taken.status) {
        case IoStatus::done:
            worker_.bytes_in.add(taken.bytes);
            if (auto* counts = session_->counts()) counts->received.add(taken.bytes);
            request_at_ = worker_.context().now;
            if (!taken.is_short || client_->tls() != nullptr) return;
            // All there is, most likely; a failing read to be sure would cost every request a system call.
            client_->readable = false;
            probe_later(*client_);
            return;
        case IoStatus::wants_read: client_->readable = false; return;
        case IoStatus::wants_write:
            client_->readable = false;
            client_->wait_writable();
            return;
        case IoStatus::closed: client_gone(); return;
    }
}

void ClientConnection::read_server() {
    const PeerRef server = server_;
    bool is_end_of_answer = false;
    const Taken taken = take_in(*server, [&](Bytes in) {
        is_end_of_answer = ends_with_ready(in);
        return feed_server(in);
    });
    switch (taken.status) {
        case IoStatus::done:
            // As with the client: a short read is all there is, most likely. After anything but a whole answer or a part of
            // a message the server may be about to end the connection, and the client shall hear of it at once.
            if (!taken.is_short || server->tls() != nullptr || server->failed || !server_) return;
            if (!is_end_of_answer && server->rest.empty()) return;
            server->readable = false;
            probe_later(*server);
            return;
        case IoStatus::wants_read: server->readable = false; return;
        case IoStatus::wants_write:
            server->readable = false;
            server->wait_writable();
            return;
        case IoStatus::closed: server_gone(); return;
    }
}

void ClientConnection::probe_later(Peer& peer) {
    const bool is_asked = client_->end_unseen || (server_ && server_->end_unseen);
    peer.end_unseen = true;
    if (!is_asked) worker_.probe_later(id_);
}

void ClientConnection::probe() {
    for (Peer* peer : {client_.get(), server_.get()}) {
        if (peer != nullptr && std::exchange(peer->end_unseen, false)) peer->readable = true;
    }
    pump();
}

std::size_t ClientConnection::feed_client(Bytes in) {
    std::size_t total = 0, used = 0;
    do {
        tell([&](session::Outputs& out) { used = session_->on_client_bytes(in.substr(total), out); });
        LARDER_ASSERT(used <= in.size() - total);
        total += used;
    } while (used > 0 && total < in.size() && !needs_.any() && !session_->is_paused());
    rest_is_due_ = total < in.size() && (needs_.any() || session_->is_paused());
    return total;
}

std::size_t ClientConnection::feed_server(Bytes in) {
    std::size_t total = 0, used = 0;
    do {
        tell([&](session::Outputs& out) { used = session_->on_server_bytes(in.substr(total), out); });
        LARDER_ASSERT(used <= in.size() - total);
        total += used;
    } while (used > 0 && total < in.size() && !needs_.close_server);
    return total;
}

void ClientConnection::feed_rest() {
    rest_is_due_ = false;
    if (client_->rest.empty()) return;
    const std::size_t used = feed_client(client_->rest);
    if (used == client_->rest.size()) release(client_->rest);
    else if (used > 0) client_->rest.erase(0, used);
}

void ClientConnection::write_to(Peer* peer, session::OutputQueue& queue) {
    if (queue.empty()) return;
    if (peer == nullptr || peer->failed) return queue.clear();
    if (peer == client_.get()) {
        worker_.bytes_out.add(queue.size());
        if (auto* counts = session_->counts()) counts->sent.add(queue.size());
    }
    if (peer->pending.empty()) {
        const IoStatus status = peer->write(queue);
        if (status == IoStatus::closed) fail(*peer);
        if (status == IoStatus::done || status == IoStatus::closed) return queue.clear();
    }
    queue.move_to(peer->pending);
    queue.clear();
    peer->wait_writable();
}

void ClientConnection::fail(Peer& peer) {
    peer.failed = true;
    peer.pending.release();
    if (&peer == client_.get()) client_lost_ = true;
    else peer.readable = true;  // the server's last words and its end are still to be read
}

void ClientConnection::carry_out_needs() {
    const session::Needs needs = std::exchange(needs_, {});
    if (needs.start_client_tls) start_client_tls();
    if (is_over_) return;
    if (needs.look_up_user) look_up_user();
    if (needs.ask_second_level) worker_.ask_second_level(id_, session_->second_level_request());
    if (needs.connect_server) connect_server();
    if (needs.route_cancel) route_cancel();
    if (is_over_) return;
    if (needs.cancel_server) cancel_server();
    if (needs.login_refused) is_counted_ = false;  // ServerPool::login_failed() does that
    if (needs.close_server) drop_server();
    carry_out_pool_needs(needs);
    if (needs.await_barrier) await_barrier();
    // A client that cancels waits for the end of its connection, and only then may rely on it that no later statement is hit.
    if (needs.close_client && !is_routing_cancel_) close_client_when_flushed();
}

void ClientConnection::start_client_tls() {
    if (!client_->rest.empty()) {  // plain text behind the SSLRequest: somebody in the middle may have put it there
        log_warn("a client sent plain text after its request for TLS; closed", {{"client", std::to_string(id_)}});
        return finish();
    }
    if (!client_->pending.empty()) {
        wants_tls_ = true;  // on_writable() comes back here
        return;
    }
    auto context = worker_.shared().client_tls.get();
    if (!context) return finish();  // a reload took the certificate away
    client_->start_tls(std::make_unique<TlsSession>(std::move(context), client_->descriptor(), true, std::string()));
    is_handshaking_ = true;
    client_->readable = true;
}

bool ClientConnection::step_client_tls() {
    switch (client_->tls()->handshake().status) {
        case IoStatus::done:
            is_handshaking_ = false;
            session_->on_client_tls_ready(client_->tls()->peer_name());
            needs_.merge(session_->take_needs());
            return true;
        case IoStatus::wants_read: client_->readable = false; return false;
        case IoStatus::wants_write:
            client_->readable = false;
            client_->wait_writable();
            return false;
        case IoStatus::closed: break;
    }
    log_info("TLS handshake with a client failed", {{"client", std::to_string(id_)}, {"error", client_->tls()->error()}});
    finish();
    return false;
}

void ClientConnection::route_cancel() {
    is_routing_cancel_ = true;
    const auto target = worker_.shared().cancels.find(session_->cancel_request());
    if (target.worker == nullptr) return finish();  // no answer, as PostgreSQL gives none: a guess must not learn anything
    target.worker->post_cancel(target.connection, [worker = &worker_, id = id_] { worker->post_cancel_routed(id); });
}

void ClientConnection::on_cancel_routed() { finish(); }

void ClientConnection::on_cancel(std::function<void()> delivered) {
    worker_.note_activity();
    if (is_broken_ || is_closing_) return delivered();
    guarded([&] { tell([this](session::Outputs& out) { session_->on_cancel(out); }); });
    if (is_over_) return delivered();
    rest_is_due_ = rest_is_due_ || !client_->rest.empty();
    if (needs_.cancel_server) cancel_delivered_ = std::move(delivered);
    else delivered();
    pump();
}

void ClientConnection::on_server(ConnectResult result) {
    if (is_over_ || is_broken_ || is_closing_) {
        if (result.peer) result.peer->close();
        return;
    }
    guarded([&] {
        if (!result.peer) {
            server_place_ = {};
            return tell([&](session::Outputs& out) { session_->on_server_failed(result.sqlstate, result.message, out); });
        }
        auto place = std::move(server_place_);
        drop_server();
        server_place_ = std::move(place);
        server_ = result.peer;
        server_opened_ = worker_.context().now;
        worker_.lent_servers.add();
        server_->set_owner(this);
        server_->watch();
        tell([&](session::Outputs& out) { session_->on_server_connected(result.over_tls, out); });
    });
    pump();
}

void ClientConnection::server_gone() {
    drop_server();
    tell([this](session::Outputs& out) { session_->on_server_closed(out); });
}

void ClientConnection::on_flight(cache::ResultRef result, bool leads) {
    worker_.note_activity();
    // A session that has ended is told too: it may have to pass the lead on.
    guarded([&] { session_->on_flight(std::move(result), leads); });
    if (is_over_) return;
    rest_is_due_ = !client_->rest.empty();
    pump();
}

void ClientConnection::on_shutdown() {
    if (is_over_ || is_broken_ || is_closing_) return;
    guarded([this] { tell([this](session::Outputs& out) { session_->on_shutdown(out); }); });
    pump();
}

void ClientConnection::on_login_deadline() {
    if (is_closing_ || session_->is_logged_in()) return;
    if (is_held_) return worker_.expect_login(id_);  // it is not the client that takes so long
    finish();
}

void ClientConnection::on_linger_deadline() {
    if (is_closing_) finish();
}

void ClientConnection::abort() { finish_saying("terminating connection because Larder is shutting down"); }
void ClientConnection::on_kill() { finish_saying("terminating connection due to administrator command"); }

void ClientConnection::finish_saying(Bytes message) {
    // Whatever was forwarded was whole messages, so a last one can follow; a client that does not read loses it.
    if (!is_broken_ && !is_closing_ && !is_handshaking_ && session_->is_logged_in()) {
        protocol::append_error(worker_.client_scratch().text(), {protocol::severity::kFatal, protocol::sqlstate::kAdminShutdown, message});
        write_to(client_.get(), worker_.client_scratch());
    }
    finish();
}

void ClientConnection::close_client_when_flushed() {
    if (client_->failed || client_->pending.empty()) return finish();
    drop_server();
    is_closing_ = true;
    worker_.linger(id_);
}

void ClientConnection::client_gone() {
    client_->failed = true;
    client_->pending.clear();
    finish();
}

void ClientConnection::finish() {
    if (is_over_) return;
    is_over_ = true;
    note_login();
    if (!is_broken_) {
        // The session says farewell to the server, if one is lent to it, and hands over what is still open.
        try {
            tell([this](session::Outputs& out) { session_->on_client_closed(out); });
            if (needs_.cancel_server) cancel_server();
            if (needs_.release_server) release_server();
        } catch (const std::exception& e) {
            worker_.client_scratch().clear();
            worker_.server_scratch().clear();
            worker_.context().metrics.broken_invariants.add();
            log_error("a session could not be ended in order", {{"client", std::to_string(id_)}, {"error", e.what()}});
        }
    }
    if (cancel_delivered_) std::exchange(cancel_delivered_, nullptr)();
    drop_server();
    server_place_ = {};
    leave_pool();
    client_->close();
    worker_.shared().cancels.forget(session_->client().key.pid);
    worker_.bury(*this);
}

void ClientConnection::break_off(Bytes sqlstate, Bytes message, const char* what) {
    worker_.client_scratch().clear();
    worker_.server_scratch().clear();
    worker_.context().metrics.broken_invariants.add();
    log_error("a connection was broken off", {{"client", std::to_string(id_)}, {"error", what}});
    if (is_over_) return;
    if (!is_broken_) {
        is_broken_ = true;
        try {  // marks of its writes must not be lost, even now
            session::Outputs out{worker_.client_scratch(), worker_.server_scratch()};
            session_->on_client_closed(out);
        } catch (const std::exception& e) {
            log_error("a broken session could not be ended in order", {{"client", std::to_string(id_)}, {"error", e.what()}});
        }
        worker_.client_scratch().clear();
        worker_.server_scratch().clear();
        needs_ = {};
        drop_server();
        protocol::append_error(worker_.client_scratch().text(), {protocol::severity::kFatal, sqlstate, message});
        write_to(client_.get(), worker_.client_scratch());
    }
    close_client_when_flushed();
}

ServerRow ClientConnection::server_row() const {
    ServerRow row;
    row.id = server_place_.number();
    row.pid = session_->server_key().pid;
    row.connected_us = wall_clock_us(server_opened_);
    row.used_us = wall_clock_us(request_at_);
    row.is_tls = server_->tls() != nullptr;
    row.must_close = server_place_.must_close();
    row.prepared_statements = session_->server_statements();
    row.local_address = local_address(server_->descriptor());
    return row;
}

ClientRow ClientConnection::row() const {
    ClientRow row;
    row.id = id_;
    row.user = printable(session_->user());
    row.database = printable(session_->database());
    row.application_name = printable(session_->application_name());
    row.address = session_->client().address;
    row.state = is_held_ ? "waiting" : session_->state_name();
    row.connected_us = connected_us_;
    row.request_us = wall_clock_us(request_at_);
    if (is_waiting_) row.wait_us = (now() - waiting_since_).count();
    row.is_tls = client_->tls() != nullptr;
    row.is_replication = session_->is_replication();
    row.local_address = local_address(client_->descriptor());
    row.prepared_statements = session_->prepared_statements();
    row.has_server = server_ != nullptr;
    if (server_) row.server = server_row();
    row.pinned_by = session_->pinned_by();
    row.pending_bytes = client_->pending.size();
    return row;
}

}  // namespace larder::proxy
