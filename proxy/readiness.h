// Waits until a socket is readable or writable, for the price of nothing but epoll_wait.
//
// Asio's public waits cost a system call more per event: async_wait arms the descriptor with an epoll_ctl each time, and
// async_read_some first tries a read that mostly fails. Both ask the same reactor, whose own operations need neither, as
// it watches for edges: an operation that is done and says that the descriptor is exhausted is queued again for free, and
// an edge that comes while none is queued is remembered. So this file alone speaks to Asio's reactor (Boost 1.81, an
// internal interface; the build fails with another version until this was read again).
//
// An edge may stand for data and end of stream at once: who stops at a short read has to look again once in a while.
// Threads: the io_context's, which must have one.
#pragma once

#include "proxy/asio.h"  // first: the internal headers below do not compile alone

#include <boost/asio/detail/reactor.hpp>
#include <boost/asio/detail/reactor_op.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/version.hpp>

static_assert(BOOST_VERSION / 100 == 1081, "read proxy/readiness.cpp against this version's epoll_reactor");

namespace larder::proxy {

// Kept alive by its pending waits (it is counted), so its owner may drop it in any call.
class Readiness {
public:
    // Takes the descriptor over; it must be non-blocking. It is closed if this throws.
    Readiness(asio::io_context& io, int descriptor);

    int descriptor() const { return descriptor_; }
    bool is_open() const { return descriptor_ >= 0; }
    // One call of on_readable() or on_writable() later, from the event loop; no more than one of each is pending.
    void wait_readable() { start(read_); }
    void wait_writable() { start(write_); }
    void close_descriptor();  // nothing is called any more
    int release_descriptor(); // the same, but the descriptor lives on and is the caller's; another io_context may take it

protected:
    virtual ~Readiness();
    virtual void on_readable() = 0;
    virtual void on_writable() = 0;

private:
    friend void intrusive_ptr_add_ref(Readiness* readiness) { ++readiness->references_; }
    friend void intrusive_ptr_release(Readiness* readiness) {
        if (--readiness->references_ == 0) delete readiness;  // owned by its references
    }
    using Reactor = asio::detail::reactor;
    // Part of its Readiness, so that a wait allocates nothing.
    struct Wait final : asio::detail::reactor_op {
        Wait(Readiness& owner, int type);
        static status perform(reactor_op*) { return done_and_exhausted; }
        static void complete(void* scheduler, asio::detail::operation* base, const boost::system::error_code&, std::size_t);
        Readiness& readiness;
        const int kind;
        bool is_pending = false;
    };
    void start(Wait& wait);

    Reactor& reactor_;
    Reactor::per_descriptor_data watch_{};
    int descriptor_;
    int references_ = 0;
    Wait read_, write_;
};

}  // namespace larder::proxy
