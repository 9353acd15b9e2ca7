#include "bench/client.h"

#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace larder::bench {

bool Client::open(int source) {
    fd_ = connect_to(options_.host, options_.port, source);
    if (fd_ < 0) {
        error_ = std::strerror(errno);
        return false;
    }
    reader_ = {};
    out_ = {};
    login_.start(out_.bytes());
    state_ = State::logging_in;
    return true;
}

void Client::close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    state_ = State::closed;
}

void Client::leave() {
    if (fd_ < 0) return;
    append_terminate(out_.bytes());
    out_.flush(fd_);
    close();
}

void Client::begin(std::uint64_t now_ns) {
    begun_ns_ = now_ns;
    request_.step = 0;
    request_.has_failed = false;
}

bool Client::ask() {
    owed_ = workload_.next(request_, out_.bytes());
    state_ = owed_ > 0 ? State::asking : State::ready;
    return owed_ > 0;
}

Client::Progress Client::take(std::string_view chunk) {
    reader_.feed(chunk);
    Message message;
    while (reader_.next(message)) {
        const auto progress = on_message(message);
        if (progress != Progress::waiting) return progress;
    }
    if (!reader_.is_broken()) return Progress::waiting;
    error_ = "a message with an impossible length";
    return Progress::lost;
}

Client::Progress Client::on_message(const Message& message) {
    if (state_ == State::logging_in) {
        switch (login_.on_message(message.type, message.body, out_.bytes())) {
        case Login::State::running: return Progress::waiting;
        case Login::State::failed: error_ = login_.error(); return Progress::lost;
        case Login::State::ready: break;
        }
        owed_ = workload_.prepare(out_.bytes());
        state_ = owed_ > 0 ? State::preparing : State::ready;
        return owed_ > 0 ? Progress::waiting : Progress::became_ready;
    }
    switch (message.type) {
    case 'Z': return on_ready_for_query();
    case 'D': workload_.on_row(request_, message.body); break;
    case 'E':
        workload_.on_error(request_, message.body);
        error_ = error_field(message.body, 'M');
        // Without its statements the connection is of no use.
        if (state_ == State::preparing) return Progress::lost;
        break;
    default: break;
    }
    return Progress::waiting;
}

Client::Progress Client::on_ready_for_query() {
    if (owed_ == 0) {
        error_ = "a ReadyForQuery that nobody asked for";
        return Progress::lost;
    }
    if (--owed_ > 0) return Progress::waiting;
    const bool was_asking = state_ == State::asking;
    state_ = State::ready;
    if (!was_asking) return Progress::became_ready;
    workload_.on_ready(request_);
    return Progress::answered;
}

}  // namespace larder::bench
