#include "proxy/replication_stream.h"

#include <charconv>
#include <utility>

#include <poll.h>

#include "protocol/byte_reader.h"
#include "protocol/byte_writer.h"
#include "proxy/lsn.h"

namespace larder::proxy {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kQueryTimeout{10'000};
constexpr std::chrono::seconds kReportInterval{10};  // wal_sender_timeout is 60 s by default

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

std::optional<std::size_t> parse_size(const std::string& text) {
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return std::nullopt;
    const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    if (unit == "MB") return number << 20;
    if (unit == "GB") return number << 30;
    return std::nullopt;
}

}  // namespace

ReplicationStream::ReplicationStream(std::unique_ptr<PgConnection> connection) : connection_(std::move(connection)) {}
ReplicationStream::~ReplicationStream() { PQfreemem(message_); }

std::unique_ptr<ReplicationStream> ReplicationStream::open(const config::Upstream& upstream, const Wakeup& stop, std::string& error) {
    auto connection = PgConnection::open(upstream, upstream.database, "larder_feed", stop, error, true);
    if (connection == nullptr) return nullptr;
    return std::unique_ptr<ReplicationStream>(new ReplicationStream(std::move(connection)));
}

std::optional<ReplicationStream::Identity> ReplicationStream::identify(std::string& error) {
    const PgRows system = connection_->query("IDENTIFY_SYSTEM", kQueryTimeout);
    if (!system.ok || system.rows.size() != 1 || system.rows[0].size() < 3) return error = system.error, std::nullopt;
    const PgRows segment = connection_->query("SHOW wal_segment_size", kQueryTimeout);
    if (!segment.ok || segment.rows.size() != 1) return error = segment.error, std::nullopt;
    Identity identity;
    identity.system = system.at(0, 0).value_or("");
    const std::string timeline = system.at(0, 1).value_or("");
    std::from_chars(timeline.data(), timeline.data() + timeline.size(), identity.timeline);
    const auto flushed = parse_lsn(system.at(0, 2).value_or(""));
    const auto segment_bytes = parse_size(segment.at(0, 0).value_or(""));
    if (!flushed || !segment_bytes || identity.timeline == 0) return error = "IDENTIFY_SYSTEM gave an answer that is not understood", std::nullopt;
    identity.flushed = *flushed;
    identity.segment_bytes = *segment_bytes;
    return identity;
}

bool ReplicationStream::start(protocol::Lsn from, std::uint32_t timeline, std::string& error) {
    const std::string command = "START_REPLICATION PHYSICAL " + lsn_text(from) + " TIMELINE " + std::to_string(timeline);
    PGconn* raw = connection_->raw();
    if (PQsendQuery(raw, command.c_str()) == 0) return error = PQerrorMessage(raw), false;
    for (int left_ms = static_cast<int>(kQueryTimeout.count()); PQisBusy(raw) != 0;) {
        pollfd descriptor{PQsocket(raw), POLLIN, 0};
        constexpr int kStep = 100;
        if (left_ms <= 0) return error = "no answer to START_REPLICATION in time", false;
        if (::poll(&descriptor, 1, kStep) == 0) left_ms -= kStep;
        if (PQconsumeInput(raw) == 0) return error = PQerrorMessage(raw), false;
    }
    const Result result(PQgetResult(raw), PQclear);
    if (PQresultStatus(result.get()) != PGRES_COPY_BOTH) return error = PQresultErrorMessage(result.get()), false;
    expected_ = from;
    return true;
}

int ReplicationStream::socket() const { return PQsocket(connection_->raw()); }

Bytes ReplicationStream::next(std::string& error) {
    PGconn* raw = connection_->raw();
    for (bool has_read = false;;) {
        PQfreemem(message_);
        message_ = nullptr;
        const int length = PQgetCopyData(raw, &message_, 1);
        if (length < 0) return error = why_ended(length), Bytes{};
        if (length == 0) {
            if (std::exchange(has_read, true)) return {};
            if (PQconsumeInput(raw) == 0) return error = PQerrorMessage(raw), Bytes{};
            continue;
        }
        Bytes log;
        if (!take_message({message_, static_cast<std::size_t>(length)}, log, error) || !log.empty()) return log;
    }
}

// libpq: -1 is the end of the copy, whose result may be an error of the server; -2 is an error of the connection.
std::string ReplicationStream::why_ended(int length) {
    PGconn* raw = connection_->raw();
    std::string why;
    if (length == -1 && PQisBusy(raw) == 0) {
        const Result result(PQgetResult(raw), PQclear);
        why = PQresultErrorMessage(result.get());
    } else {
        why = PQerrorMessage(raw);
    }
    // It is read again from where the log ends then, and all that was kept is dropped.
    constexpr std::string_view kRemoved = "has already been removed";
    if (why.find(kRemoved) != std::string::npos)
        return "the server has removed log that was not read yet; a larger wal_keep_size keeps it for longer (" +
               first_line(std::move(why)) + ")";
    return why.empty() ? "the server ended the stream" : "the server ended the stream: " + first_line(std::move(why));
}

// False: it is not what may come now.
bool ReplicationStream::take_message(Bytes message, Bytes& log, std::string& error) {
    protocol::ByteReader in(message);
    const char kind = static_cast<char>(in.byte());
    const std::uint64_t place = in.u64();
    if (kind == 'k') {
        in.u64();
        report_is_due_ |= in.byte() != 0;
    } else if (kind == 'w') {
        in.u64();
        in.u64();
        log = in.rest();
        if (!in.failed() && place != expected_) return error = "the stream has a gap at " + lsn_text(expected_), log = {}, false;
        expected_ += log.size();
    } else {
        return error = "the stream has a message of an unknown kind", false;
    }
    if (in.failed()) return error = "the stream has a message that is cut", false;
    return true;
}

bool ReplicationStream::report(Instant now) {
    PGconn* raw = connection_->raw();
    const bool is_due = report_is_due_ || reported_ == kLongAgo || now - reported_ >= kReportInterval;
    if (is_due) {
        std::string status = "r";
        protocol::ByteWriter out(status);
        out.u64(expected_).u64(0).u64(0).u64(0).byte(0);
        if (PQputCopyData(raw, status.data(), static_cast<int>(status.size())) != 1) return false;
        report_is_due_ = false;
        reported_ = now;
    }
    return PQflush(raw) >= 0;
}

}  // namespace larder::proxy
