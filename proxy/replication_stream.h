// The physical replication stream of the server: its write-ahead log as it is flushed, without a slot.
//
// What is received is reported as written and never as flushed or applied, or a server with synchronous_standby_names = '*' would take Larder
// for a standby that keeps its commits. Source: PostgreSQL's documentation, "Streaming Replication Protocol".
// Threads: one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "protocol/wal_reader.h"
#include "proxy/pg_connection.h"

namespace larder::proxy {

class ReplicationStream {
public:
    struct Identity {
        std::string system;  // the cluster's system identifier, as the server writes it
        std::uint32_t timeline = 0;
        protocol::Lsn flushed = 0;   // the log that is on disk ends here
        std::size_t segment_bytes = 0;
    };

    // Null if it cannot be opened, with the reason and what would help in `error`.
    static std::unique_ptr<ReplicationStream> open(const config::Upstream& upstream, const Wakeup& stop, std::string& error);
    ~ReplicationStream();

    // Before start(). Nothing: the server does not say, and `error` tells why.
    std::optional<Identity> identify(std::string& error);
    // `from`: the beginning of a page.
    bool start(protocol::Lsn from, std::uint32_t timeline, std::string& error);

    int socket() const;
    // The next piece of log, good until the next call. Empty: nothing has come yet, or the stream has ended (`error` is set then, in the server's
    // words if it said why).
    Bytes next(std::string& error);
    // Tells the server how far the stream was read, if it asked or has not heard of it for long. False: the connection is lost.
    bool report(Instant now);

private:
    explicit ReplicationStream(std::unique_ptr<PgConnection> connection);
    std::string why_ended(int length);
    bool take_message(Bytes message, Bytes& log, std::string& error);

    std::unique_ptr<PgConnection> connection_;
    char* message_ = nullptr;        // libpq's; what next() returned lies in it
    protocol::Lsn expected_ = 0;     // where the next piece begins
    bool report_is_due_ = false;
    Instant reported_ = kLongAgo;
};

}  // namespace larder::proxy
