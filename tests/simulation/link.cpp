#include "base/check.h"
#include "simulation/simulation.h"

namespace larder::simulation {

namespace {

void drain_into(session::OutputQueue& queue, std::string& into) {
    while (!queue.empty()) {
        Bytes pieces[8];
        const auto count = queue.pieces(pieces, 8);
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < count; ++i) {
            into.append(pieces[i]);
            bytes += pieces[i].size();
        }
        queue.consume(bytes);
    }
}

}  // namespace

Link::Link(Simulation& simulation, int number)
    : simulation_(simulation), random_(simulation.random_),
      client_(simulation.server_, simulation.random_, simulation.habits_, simulation.next_value_, simulation.now_, number) {
    open();
}

Link::~Link() {
    if (!session_) return;
    session::Outputs out{client_out_, server_out_};
    session_->on_client_closed(out);
}

void Link::open() {
    client_.lost();
    from_client_.clear();
    from_server_.clear();
    to_client_.clear();
    client_out_.clear();
    server_out_.clear();
    questions_.clear();
    is_closing_ = close_is_expected_ = wants_backend_ = false;
    session::ClientInfo info;
    info.id = 1;
    info.key = *protocol::CancelKey::make(99, "key4");
    info.key_secret_long = std::string(32, 'k');
    session_ = std::make_unique<session::Session>(simulation_.context_, info, *this);
    to_larder_ = client_.start();
}

void Link::act(bool is_ending) {
    constexpr auto kActions = static_cast<std::size_t>(Action::count_);
    if (random_.one_in(100)) stalled_until_[random_.below(kActions)] = simulation_.now_ + random_.below(300);
    const auto first = random_.below(kActions);
    for (std::size_t i = 0; i < kActions; ++i) {
        const auto which = (first + i) % kActions;
        if (stalled_until_[which] <= simulation_.now_ && try_action(static_cast<Action>(which), is_ending)) return;
    }
}

bool Link::try_action(Action action, bool is_ending) {
    switch (action) {
        case Action::talk: return talk(is_ending);
        case Action::to_larder:
            if (to_larder_.empty() || session_ == nullptr) return false;
            feed_client();
            return true;
        case Action::to_server:
            if (backend_ == nullptr || backend_->wire.empty()) return false;
            backend_->deliver(some_of(backend_->wire.size()));
            return true;
        case Action::work:
            if (backend_ == nullptr || !backend_->has_work()) return false;
            for (auto i = random_.below(4) + 1; i > 0; --i) backend_->step();
            return true;
        case Action::from_server:
            if (backend_ == nullptr || backend_->output.empty() || session_ == nullptr) return false;
            feed_server();
            return true;
        case Action::to_client: {
            if (to_client_.empty()) {
                if (!is_closing_) return false;
                if (!close_is_expected_) throw Violation("Larder closed a connection without a reason");
                open();
                return true;
            }
            const auto bytes = some_of(to_client_.size());
            const auto piece = to_client_.substr(0, bytes);
            to_client_.erase(0, bytes);
            client_.on_bytes(piece);
            return true;
        }
        case Action::flight: {
            if (session_ == nullptr) return false;
            if (flights_.empty()) return answer_question();
            auto [result, leads] = std::move(flights_.front());
            flights_.pop_front();
            session_->on_flight(std::move(result), leads);
            pump();
            return true;
        }
        case Action::connect: {
            if (!wants_backend_ || session_ == nullptr) return false;
            wants_backend_ = false;
            backend_ = &simulation_.server_.connect();
            session::Outputs out{client_out_, server_out_};
            session_->on_server_connected(false, out);
            pump();
            return true;
        }
        case Action::cut:
            if (is_ending || !client_.is_ready() || is_closing_ || !random_.percent(simulation_.habits_.disconnects) || !random_.one_in(8)) return false;
            if (random_.one_in(3)) cut_server();
            else cut_client();
            return true;
        case Action::count_: break;
    }
    return false;
}

bool Link::talk(bool is_ending) {
    if (is_closing_) return false;
    const auto said = client_.talk(is_ending);
    to_larder_ += said;
    if (const auto until = client_.arrives_at(); until > simulation_.now_) stalled_until_[static_cast<std::size_t>(Action::to_server)] = until;
    return !said.empty();
}

std::size_t Link::some_of(std::size_t bytes) { return random_.percent(70) ? bytes : 1 + random_.below(bytes); }

void Link::feed_client() {
    const auto bytes = some_of(to_larder_.size());
    from_client_.append(to_larder_, 0, bytes);
    to_larder_.erase(0, bytes);
    pump();
}

void Link::feed_server() {
    const auto bytes = some_of(backend_->output.size());
    from_server_.append(backend_->output, 0, bytes);
    backend_->output.erase(0, bytes);
    session::Outputs out{client_out_, server_out_};
    const auto consumed = session_->on_server_bytes(from_server_, out);
    drain();
    from_server_.erase(0, consumed);
    pump();
}

// What the I/O layer does after each event: read on while the session takes something, and do what it needs.
void Link::pump() {
    for (;;) {
        drain();
        follow_needs();
        if (session_ == nullptr || from_client_.empty() || session_->is_paused()) return;
        session::Outputs out{client_out_, server_out_};
        const auto consumed = session_->on_client_bytes(from_client_, out);
        drain();
        from_client_.erase(0, consumed);
        follow_needs();
        if (consumed == 0) return;
    }
}

void Link::drain() {
    drain_into(client_out_, to_client_);
    std::string to_server;
    drain_into(server_out_, to_server);
    if (backend_ != nullptr) backend_->wire += to_server;
}

void Link::follow_needs() {
    if (session_ == nullptr) return;
    const auto needs = session_->take_needs();
    if (needs.connect_server) wants_backend_ = true;
    if (needs.cancel_server && backend_ != nullptr && random_.one_in(2)) backend_->cancel();
    if (needs.ask_second_level) {
        const auto request = session_->second_level_request();
        questions_.push_back({request.number, request.key.hash, std::string(request.key.bytes)});
    }
    if (needs.close_server) close_backend_wire();
    if (needs.close_client) is_closing_ = true;
}

bool Link::answer_question() {
    if (questions_.empty()) return false;
    const auto question = std::move(questions_.front());
    questions_.pop_front();
    session_->on_second_level(question.number, simulation_.shelf_.look_up(question.key, question.hash, simulation_.upstream_.database("shop").counters()));
    pump();
    return true;
}

void Link::close_backend_wire() {
    if (backend_ == nullptr) return;
    backend_->is_wire_closed = true;
    backend_->is_deaf = true;
    backend_->output.clear();
    backend_ = nullptr;
}

// The client goes away; what it has sent may still arrive.
void Link::cut_client() {
    while (!to_larder_.empty() && random_.one_in(2)) feed_client();
    session::Outputs out{client_out_, server_out_};
    if (session_ != nullptr) {
        session_->on_client_closed(out);
        drain();
        follow_needs();
    }
    close_backend_wire();
    // A flight's call that is on its way still comes; a lead that it brings is passed on.
    while (!flights_.empty()) {
        auto [result, leads] = std::move(flights_.front());
        flights_.pop_front();
        session_->on_flight(std::move(result), leads);
    }
    open();
}

// The connection between Larder and the server breaks; the backend may not notice before it has done what it received.
void Link::cut_server() {
    if (backend_ == nullptr || session_ == nullptr) return;
    if (random_.one_in(2)) backend_->deliver(random_.below(backend_->wire.size() + 1));
    backend_->wire.clear();
    close_backend_wire();
    close_is_expected_ = true;
    session::Outputs out{client_out_, server_out_};
    session_->on_server_closed(out);
    pump();
}

bool Link::is_quiet() const {
    return !is_closing_ && client_.is_idle() && to_larder_.empty() && to_client_.empty() && flights_.empty() && questions_.empty() && from_client_.empty() &&
           (backend_ == nullptr || (backend_->output.empty() && !backend_->has_work()));
}

}  // namespace larder::simulation
