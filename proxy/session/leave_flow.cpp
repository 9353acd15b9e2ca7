// The client leaves: its server connection outlives it, if it can be made what a login would have given.
//
// Nothing hidden may be left on it (pin.h). What DISCARD ALL takes away is taken away at once, so that locks end with
// their client as they would directly; nobody waits for the answer but whoever borrows the connection next, for whom it
// is the first thing that comes.
#include "proxy/session/session_impl.h"

namespace larder::session {

// What DISCARD ALL does not take away, or nobody knows of. An empty temporary schema is to be seen, and pins.
bool Session::Impl::has_hidden_state() {
    if (!unjudged.empty()) refresh_facts();
    Pins hidden = pool->lasting;
    hidden.remove(Pin::sequence);
    return !unjudged.empty() || !hidden.empty() || pool->has_made_temp || pool->seen.has(Pin::temp_objects);
}

// Which statements a connection has is followed from client to client only in the modes that lend it to one after the other.
bool Session::Impl::needs_discard() const {
    if (pool->has_moved_state || pool->is_pinned()) return true;
    return pool->mode == PoolMode::session && (pool->has_named_statement || !prepared.empty());
}

// False: nothing is given back; the server shall be told that its client is gone.
bool Session::Impl::leave_server(Outputs& out) {
    if (!is_at_rest() || has_hidden_state()) return false;
    if (needs_discard()) {
        protocol::Query{"DISCARD ALL"}.append_to(out.server.text());
        auto& link = *pool->link;
        link.owes_discard = true;
        link.settings.reset();
        link.statements.clear();
        link.is_own = false;
        prepared.clear();
        server_has_unnamed = false;
        lock_may_be_gone = true;  // Larder's own lock goes with the client's
    }
    hand_over();
    return true;
}

}  // namespace larder::session
