#include "proxy/readiness.h"

#include <unistd.h>

namespace larder::proxy {

Readiness::Wait::Wait(Readiness& owner, int type)
    : reactor_op(boost::system::error_code(), &Wait::perform, &Wait::complete), readiness(owner), kind(type) {}

// `scheduler` is null when the io_context ends and only wants its operations to be freed.
void Readiness::Wait::complete(void* scheduler, asio::detail::operation* base, const boost::system::error_code&, std::size_t) {
    auto& wait = static_cast<Wait&>(*base);
    wait.is_pending = false;
    // Taken over from start(): the last reference may be this one.
    const boost::intrusive_ptr<Readiness> readiness(&wait.readiness, false);
    if (scheduler == nullptr || !readiness->is_open() || wait.ec_ == asio::error::operation_aborted) return;
    if (wait.kind == Reactor::read_op) readiness->on_readable();
    else readiness->on_writable();
}

Readiness::Readiness(asio::io_context& io, int descriptor)
    : reactor_(asio::use_service<Reactor>(io)), descriptor_(descriptor), read_(*this, Reactor::read_op), write_(*this, Reactor::write_op) {
    reactor_.init_task();
    const int error = reactor_.register_descriptor(descriptor_, watch_);
    if (error == 0) return;
    ::close(descriptor_);
    throw boost::system::system_error(error, boost::system::system_category());
}

Readiness::~Readiness() { close_descriptor(); }

void Readiness::close_descriptor() {
    if (descriptor_ < 0) return;
    reactor_.deregister_descriptor(descriptor_, watch_, true);
    ::close(std::exchange(descriptor_, -1));
    reactor_.cleanup_descriptor_data(watch_);
}

int Readiness::release_descriptor() {
    const int descriptor = std::exchange(descriptor_, -1);
    if (descriptor < 0) return -1;
    reactor_.deregister_descriptor(descriptor, watch_, false);
    reactor_.cleanup_descriptor_data(watch_);
    return descriptor;
}

void Readiness::start(Wait& wait) {
    if (wait.is_pending || !is_open()) return;
    wait.is_pending = true;
    wait.ec_ = {};
    intrusive_ptr_add_ref(this);
    // "Speculative" is what makes it free: a remembered edge completes it at once, none means to queue without a system call.
    reactor_.start_op(wait.kind, descriptor_, watch_, &wait, false, true);
}

}  // namespace larder::proxy
