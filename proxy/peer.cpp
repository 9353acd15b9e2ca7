#include "proxy/peer.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <sys/socket.h>
#include <sys/uio.h>

namespace larder::proxy {
namespace {

// The longest gathering write: a pipeline of 64 hits. IOV_MAX is 1024.
constexpr std::size_t kPiecesMax = 64;
constexpr std::size_t kTlsRecordBytes = 16 * 1024;

}  // namespace

void Peer::on_readable() {
    if (owner_ == nullptr) return;
    wait_readable();  // before anything is read: the next edge may come at once
    readable = true;
    owner_->on_readable(is_client_);
}

void Peer::on_writable() {
    if (owner_ != nullptr) owner_->on_writable(is_client_);
}

void Peer::close() {
    owner_ = nullptr;
    if (!is_open()) return;
    if (tls_ && !failed) tls_->shut_down();
    // What was sent last must arrive: with input unread, close() alone would reset the connection.
    if (readable || !is_client_) ::shutdown(descriptor(), SHUT_WR);
    close_descriptor();
}

int Peer::detach(std::unique_ptr<TlsSession>& tls) {
    owner_ = nullptr;
    tls = std::move(tls_);
    return release_descriptor();
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
    if (tls_) return write_records(queue);
    while (!queue.empty()) {
        Bytes only;
        // Nearly every answer is one piece, and a plain send costs the kernel less than a gathering one.
        const ssize_t put = queue.is_one_piece(only) ? ::send(descriptor(), only.data(), only.size(), MSG_NOSIGNAL) : gather(queue);
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

ssize_t Peer::gather(const session::OutputQueue& queue) {
    std::array<Bytes, kPiecesMax> pieces;
    std::array<iovec, kPiecesMax> vectors;
    const std::size_t count = queue.pieces(pieces.data(), pieces.size());
    for (std::size_t i = 0; i < count; ++i) vectors[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    return ::sendmsg(descriptor(), &message, MSG_NOSIGNAL);
}

IoStatus Peer::write_records(session::OutputQueue& queue) {
    std::array<Bytes, kPiecesMax> pieces;
    while (!queue.empty()) {
        const std::size_t count = queue.pieces(pieces.data(), pieces.size());
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
    }
    return IoStatus::done;
}

}  // namespace larder::proxy
