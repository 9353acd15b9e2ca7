// Which transactions of the server were this Larder's: their writes were marked by the sessions that sent them, and the change
// feed need not do it again.
//
// A session asks the server for its transaction's number right before it ends it; the feed, which sees the commit in the log,
// asks here. The log may be ahead of the answer, so an ask that is under way counts: whoever began before the feed saw the commit may
// still turn out to be the one. What was not asked, or asked in vain, is taken for somebody else's, which costs hits and nothing else.
//
// What a session marked is what the catalogue's facts said. They may have been old, since somebody else changed the catalogue: so the word
// of `catalogue` under which the transaction was planned is kept with its number, and whoever asks here compares.
// Threads: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

#include "base/clock.h"
#include "base/thread_annotations.h"

namespace larder::session {

class DatabaseState;

class OwnTransactions {
public:
    // Under which facts all of a transaction's statements were planned.
    struct Plans {
        const DatabaseState* database = nullptr;
        std::uint64_t catalogue_word = 0;
    };

    // An ask that is under way. It ends with its answer, or when it is destroyed.
    class Ask {
    public:
        Ask(OwnTransactions& all, std::uint64_t number, Plans plans) : all_(all), number_(number), plans_(plans) {}
        ~Ask() { answered(std::nullopt); }
        Ask(const Ask&) = delete;
        Ask& operator=(const Ask&) = delete;
        // The first answer counts. Nothing: the transaction has no number, so that it has written nothing.
        void answered(std::optional<std::uint64_t> transaction);

    private:
        OwnTransactions& all_;
        std::uint64_t number_;
        Plans plans_;
        bool is_open_ = true;
    };

    // False: nobody wants to know, so that nobody has to ask.
    bool are_wanted() const { return are_wanted_.load(std::memory_order_relaxed); }
    // Of the feed. What is known is forgotten.
    void set_wanted(bool are_wanted);

    std::unique_ptr<Ask> begin(Plans plans, Instant now);

    // The newest ask so far: those that may still be answered with a transaction that is in the log already are not newer.
    std::uint64_t newest() const;
    // No ask up to this one is under way any more, but for those that began before `since`: they stand behind something that takes long.
    bool have_ended(std::uint64_t up_to, Instant since) const;
    // Nothing: it is not known to be one.
    std::optional<Plans> find(std::uint64_t transaction) const;
    void forget(std::uint64_t transaction);

private:
    void end(std::uint64_t number, std::optional<std::uint64_t> transaction, Plans plans);

    // Those that never come by in the log (rolled back) are dropped by age.
    static constexpr std::size_t kKnownMax = 65'536;
    std::atomic<bool> are_wanted_{false};
    mutable Mutex mutex_;
    std::uint64_t newest_ LARDER_GUARDED_BY(mutex_) = 0;
    std::map<std::uint64_t, Instant> open_ LARDER_GUARDED_BY(mutex_);  // and when they began
    std::unordered_map<std::uint64_t, Plans> known_ LARDER_GUARDED_BY(mutex_);
    std::deque<std::uint64_t> by_age_ LARDER_GUARDED_BY(mutex_);
};

}  // namespace larder::session
