#include "proxy/peer.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace larder::proxy {
namespace {

// The longest gathering write: a pipeline of 64 hits. IOV_MAX is 1024.
constexpr std::size_t kPiecesMax = 64;
constexpr std::size_t kTlsRecordBytes = 16 * 1024;

}  // namespace

Peer::Peer(asio::io_context& io, int descriptor, int family, bool is_client) : socket_(io.get_executor()), is_client_(is_client) {
    boost::system::error_code error;
    socket_.assign(asio::generic::stream_protocol(family, 0), descriptor, error);
    if (error) {
        ::close(descriptor);
        throw boost::system::system_error(error);
    }
}

void Peer::watch() {
    arm();
    arm();
}

void Peer::arm() {
    socket_.async_wait(Socket::wait_read, [self = PeerRef(this)](const boost::system::error_code& error) {
        if (self->owner_ == nullptr || error == asio::error::operation_aborted) return;
        if (!error) self->arm();
        self->readable = true;
        self->owner_->on_readable(self->is_client_);
    });
}

void Peer::close() {
    owner_ = nullptr;
    if (tls_ && !failed) tls_->shut_down();
    boost::system::error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    socket_.close(ignored);
}

IoResult Peer::read(char* into, std::size_t size) {
    if (tls_) return tls_->read(into, size);
    for (;;) {
        const ssize_t got = ::recv(descriptor(), into, size, 0);
        if (got > 0) return {IoStatus::done, static_cast<std::size_t>(got)};
        if (got == 0) return {IoStatus::closed};
        if (errno == EINTR) continue;
        return {errno == EAGAIN || errno == EWOULDBLOCK ? IoStatus::wants_read : IoStatus::closed};
    }
}

IoStatus Peer::write(session::OutputQueue& queue) {
    std::array<Bytes, kPiecesMax> pieces;
    while (!queue.empty()) {
        const std::size_t count = queue.pieces(pieces.data(), pieces.size());
        if (tls_) {
            // One record from several pieces: fewer records, and after wants_write the same bytes come again from the front.
            std::array<char, kTlsRecordBytes> record;
            std::size_t filled = 0;
            for (std::size_t i = 0; i < count && filled < record.size(); ++i) {
                const std::size_t part = std::min(pieces[i].size(), record.size() - filled);
                std::copy_n(pieces[i].data(), part, record.data() + filled);
                filled += part;
            }
            const IoResult put = tls_->write({record.data(), filled});
            if (put.status != IoStatus::done) return put.status;
            queue.consume(put.bytes);
            continue;
        }
        std::array<iovec, kPiecesMax> vectors;
        for (std::size_t i = 0; i < count; ++i) vectors[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};
        msghdr message{};
        message.msg_iov = vectors.data();
        message.msg_iovlen = count;
        const ssize_t put = ::sendmsg(descriptor(), &message, MSG_NOSIGNAL);
        if (put >= 0) {
            queue.consume(static_cast<std::size_t>(put));
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return IoStatus::wants_write;
        } else if (errno != EINTR) {
            return IoStatus::closed;
        }
    }
    return IoStatus::done;
}

void Peer::wait_writable() {
    if (waits_writable_) return;
    waits_writable_ = true;
    socket_.async_wait(Socket::wait_write, [self = PeerRef(this)](const boost::system::error_code& error) {
        self->waits_writable_ = false;
        if (self->owner_ == nullptr || error == asio::error::operation_aborted) return;
        self->owner_->on_writable(self->is_client_);
    });
}

}  // namespace larder::proxy
