// Compares kept answers with PostgreSQL's: a share of those that are given, and the hottest ones when somebody asks.
//
// The hit check says that an answer is valid; here it is not believed. An answer is drawn from the cache with a likelihood in proportion to its
// hits, so that no hit does anything for it, and its statement is run again as the client would have run it (rereader.h).
//
// Without false alarms. Let the answer be noted at s, run again at t, and found valid at l, after t. Then by the argument of docs/freshness.md no write of
// what it depends on was under way at any time between s and l, so that PostgreSQL must give the same rows at t, unless the statement leaves
// open which ones (open_answer.h): that is counted apart, and nothing follows from it. With writers elsewhere the counters tell of a write a while after it
// is visible: so a difference counts only if the answer is still valid when every such write must have come. And it has to be found twice,
// on a server that holds this Larder's lock.
//
// What then follows: an error in the log, a finding that can be looked at, and quarantine for the shape of the statement (quarantine.h).
//
// Threads: one of its own, which alone talks to the server; the calls are for any.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/metrics.h"
#include "base/verification.h"
#include "proxy/quarantine.h"
#include "proxy/rereader.h"
#include "proxy/shared.h"

namespace larder::proxy {

class Verifier {
public:
    static constexpr std::size_t kFindingsMax = 20;     // that are kept for people
    static constexpr std::int64_t kDearUs = 1'000'000;  // an answer that took the server so long is not run again unasked

    // `hits`: so many there were since the start. `is_busy`: clients wait for server connections, and the sampler stands back.
    struct Hooks {
        std::function<std::uint64_t()> hits;
        std::function<bool()> is_busy;
    };
    Verifier(Shared& shared, Quarantine& quarantine, Hooks hooks);
    ~Verifier();
    Verifier(const Verifier&) = delete;
    Verifier& operator=(const Verifier&) = delete;

    void start();
    void stop();
    void take_over(const config::Freshness& freshness);  // verify_share, verify_rate_max

    std::optional<std::uint64_t> verify_hottest(std::uint64_t entries);
    VerifyStatus status() const;

private:
    enum class Verdict : std::uint8_t { equal, different, undecided, moved, failed };
    using Answers = std::vector<cache::ResultRef>;
    struct Candidate {
        cache::ResultRef answer;
        std::uint32_t hits;
    };

    void run();
    void run_asked();
    void run_sample();
    std::vector<Candidate> candidates(bool with_dear);
    std::size_t bytes_max() const;
    Answers drawn(std::size_t count);
    Answers hottest(std::size_t count);
    bool is_given(const cache::CachedResult& answer) const;  // to whoever asks for it now
    Verdict check(const cache::CachedResult& answer, std::string& why);
    Verdict doubt(const cache::CachedResult& answer, const rules::SessionEnv& env, const session::KeyParts& request, AnswerRows kept,
                  AnswerRows server, std::string& why);
    bool is_confirmed(const cache::CachedResult& answer, const rules::SessionEnv& env, const session::KeyParts& request,
                      const AnswerRows& kept, AnswerRows& server, Verdict& verdict, std::string& why);
    std::chrono::milliseconds grace(const std::string& database);
    void found(Verdict verdict, const rules::SessionEnv& env, Bytes text, const std::string& reason, const AnswerRows& kept,
               const AnswerRows& server);
    void condemn(const std::string& database, std::uint64_t fingerprint, const std::string& shape);
    void count(Verdict verdict);
    static void add(VerifyCounts& to, Verdict verdict);
    bool wait(std::chrono::milliseconds time);  // false: it shall end
    std::chrono::milliseconds round_length() const;

    Shared& shared_;
    Quarantine& quarantine_;
    const Hooks hooks_;
    Wakeup stop_wakeup_;
    std::atomic<int> share_ppm_, rate_max_;
    std::thread thread_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool is_stopping_ = false, is_asked_ = false;  // under mutex_, as all below
    VerifyCounts counts_;
    VerifyRun run_;
    std::deque<VerifyFinding> findings_;

    Rereader rereader_;  // the thread's, as all below
    std::uint64_t hits_seen_ = 0;
    double owed_ = 0;  // checks that the hits so far have earned
    std::uint64_t random_;
};

}  // namespace larder::proxy
