// One answer on its way into the cache: collected while it is forwarded to the client who asked.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "cache/cache.h"
#include "proxy/session/context.h"
#include "proxy/session/upstream_state.h"

namespace larder::session {

// What an answer depends on, as it was noted before its request was sent.
struct ReadNote {
    cache::Note note;
    // The entries from here on matter only if the answer has fewer rows than `proving_rows`: with as many, every row that was
    // asked for is seen to exist, and who comes with an unknown key value is another.
    std::size_t required = 0;
    int proving_rows = 0;
    bool needs_proof = false;   // one of those was in flight: without the proof, the answer is not kept
    // So old may the answer be given although a write has made it old, also if one was in flight already when it was noted.
    std::chrono::microseconds max_stale{0};
};

// A capture that is destroyed before finish() has failed: its flight, if it leads one, goes to a waiter.
class Capture {
public:
    // `note` was taken before the request was sent; nothing that is required was in flight. `leads`: others may wait for this key.
    Capture(Context& context, std::string key, std::uint64_t key_hash, ReadNote note, std::int64_t ttl_us, bool leads);
    ~Capture();
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;

    void row_description(Bytes message);
    void rows(Bytes messages, std::int64_t count);   // whole DataRow messages
    void complete(Bytes message);                    // CommandComplete
    // The answer cannot be kept, and nobody else's could: waiters go to the server by themselves.
    void give_up();

    bool is_complete() const { return !complete_.empty(); }
    bool is_given_up() const { return given_up_; }
    // ReadyForQuery came and everything was well: stores the answer and hands it to the waiters.
    void finish();
    void note_again();   // too late: a planted fault

private:
    bool prove();
    void end_flight(bool hand_over);
    std::int64_t clock_us() const;

    Context& context_;
    std::string key_;
    std::uint64_t key_hash_;
    ReadNote note_;
    std::int64_t ttl_us_;
    Instant started_;
    std::int64_t sent_us_;
    std::string row_description_, rows_, complete_;
    std::int64_t row_count_ = 0;
    bool leads_, given_up_ = false;
};

}  // namespace larder::session
