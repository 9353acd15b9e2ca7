// How a client's connection calls its session: the templates of client_connection.h, for the files that implement it.
#pragma once

#include <new>

#include "base/check.h"
#include "protocol/error.h"
#include "proxy/client_connection.h"
#include "proxy/worker.h"

namespace larder::proxy {

// The one place where what goes wrong inside the session, or for lack of memory, ends this connection and no other.
template <class Call>
void ClientConnection::guarded(Call call) {
    try {
        call();
    } catch (const BrokenInvariant& e) {
        break_off(protocol::sqlstate::kInternalError, "internal error in Larder; this connection is closed", e.what());
    } catch (const std::bad_alloc& e) {
        break_off(protocol::sqlstate::kOutOfMemory, "out of memory", e.what());
    } catch (const std::exception& e) {
        break_off(protocol::sqlstate::kInternalError, "internal error in Larder; this connection is closed", e.what());
    }
}

template <class Call>
void ClientConnection::tell(Call call) {
    session::Outputs out{worker_.client_scratch(), worker_.server_scratch()};
    call(out);
    if (is_logging_in_ && session_->is_logged_in()) note_login();  // before the client hears of it
    write_to(client_.get(), out.client);
    write_to(server_.get(), out.server);
    needs_.merge(session_->take_needs());
}

}  // namespace larder::proxy
