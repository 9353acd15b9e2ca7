#include "cache/counter.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <map>

#include "base/check.h"
#include "base/planted_fault.h"
#include "base/thread_annotations.h"
#include "cache/write_ticket.h"

namespace larder::cache {
namespace {

// ThreadSanitizer does not know fences, and g++ refuses to compile one under it. The seq_cst exchange before each of them
// is enough for the sanitizer's own model, and on x86 for the processor as well.
#if defined(__SANITIZE_THREAD__)
#define LARDER_NO_FENCES
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LARDER_NO_FENCES
#endif
#endif

void fence() {
#if !defined(LARDER_NO_FENCES)
    std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

}  // namespace

// A compare-and-swap loop instead of fetch_add: an add could not stop at the edges, and a carry out of the count or out of
// the version would make a counter look idle while a write is on its way.
void Counter::begin() {
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    while (!word_.compare_exchange_weak(word, is_planted(PlantedFault::mark_without_move) ? word + kOneInFlight : begun(word), std::memory_order_seq_cst, std::memory_order_relaxed)) {}
    fence();
}

void Counter::end() {
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    do {
        LARDER_ASSERT_SHARED(is_in_flight(word));
    } while (!word_.compare_exchange_weak(word, is_planted(PlantedFault::note_in_flight_accepted) ? word - kOneInFlight : ended(word), std::memory_order_release, std::memory_order_relaxed));
}

void Counter::move() {
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    while (!word_.compare_exchange_weak(word, moved(word), std::memory_order_seq_cst, std::memory_order_relaxed)) {}
    fence();
}

static bool is_moved(std::uint64_t word, std::uint64_t noted) {
    if (is_planted(PlantedFault::versions_not_compared)) return Counter::is_in_flight(word);
    if (is_planted(PlantedFault::mark_without_move) || is_planted(PlantedFault::note_in_flight_accepted)) return ((word ^ noted) & Counter::kVersionMask) != 0;
    return word != noted || Counter::is_in_flight(word);
}

bool is_current(const NotedCounter* first, std::size_t count) {
    for (const NotedCounter* noted = first; noted != first + count; ++noted) {
        const std::uint64_t word = noted->counter->load();
        if (is_moved(word, noted->word)) return false;
    }
    return count != 0;
}

bool take_note(const std::vector<const Counter*>& counters, Note& note) {
    note.clear();
    note.reserve(counters.size());
    bool is_storable = !counters.empty();
    for (const Counter* counter : counters) {
        const std::uint64_t word = counter->load();
        note.push_back({counter, word});
        if (Counter::is_in_flight(word) && !is_planted(PlantedFault::note_in_flight_accepted)) is_storable = false;
    }
    return is_storable;
}

struct DatabaseCounters::Impl {
    explicit Impl(Counter& catalogue) : outstanding(catalogue) {}

    mutable Mutex mutex;
    boost::unordered_flat_map<Oid, std::unique_ptr<RelationCounters>> relations LARDER_GUARDED_BY(mutex);
    OutstandingWrites outstanding;
    std::atomic<Counter*> rows{nullptr};
    std::unique_ptr<Counter[]> rows_owned LARDER_GUARDED_BY(mutex);
};

DatabaseCounters::DatabaseCounters() : impl_(std::make_unique<Impl>(catalogue)) {}
DatabaseCounters::~DatabaseCounters() = default;

RelationCounters& DatabaseCounters::relation(Oid root) {
    Lock lock(impl_->mutex);
    auto& counters = impl_->relations[root];
    if (!counters) counters = std::make_unique<RelationCounters>();
    return *counters;
}

Counter& DatabaseCounters::row(std::uint64_t hash) {
    Counter* rows = impl_->rows.load(std::memory_order_acquire);
    if (rows == nullptr) {
        Lock lock(impl_->mutex);
        if (!impl_->rows_owned) {
            impl_->rows_owned = std::make_unique<Counter[]>(kRowCounters);
            impl_->rows.store(impl_->rows_owned.get(), std::memory_order_release);
        }
        rows = impl_->rows_owned.get();
    }
    return rows[hash % kRowCounters];
}

OutstandingWrites& DatabaseCounters::outstanding() { return impl_->outstanding; }

std::vector<std::pair<Oid, const RelationCounters*>> DatabaseCounters::relations() const {
    std::vector<std::pair<Oid, const RelationCounters*>> all;
    {
        Lock lock(impl_->mutex);
        all.reserve(impl_->relations.size());
        for (const auto& [oid, counters] : impl_->relations) all.emplace_back(oid, counters.get());
    }
    std::sort(all.begin(), all.end());
    return all;
}

struct ServerCounters::Impl {
    mutable Mutex mutex;
    std::map<std::string, std::unique_ptr<DatabaseCounters>, std::less<>> databases LARDER_GUARDED_BY(mutex);
};

ServerCounters::ServerCounters() : impl_(std::make_unique<Impl>()) {}
ServerCounters::~ServerCounters() = default;

DatabaseCounters& ServerCounters::database(std::string_view name) {
    Lock lock(impl_->mutex);
    auto at = impl_->databases.find(name);
    if (at == impl_->databases.end()) at = impl_->databases.emplace(std::string(name), std::make_unique<DatabaseCounters>()).first;
    return *at->second;
}

std::vector<std::pair<std::string, DatabaseCounters*>> ServerCounters::databases() const {
    std::vector<std::pair<std::string, DatabaseCounters*>> all;
    Lock lock(impl_->mutex);
    all.reserve(impl_->databases.size());
    for (const auto& [name, counters] : impl_->databases) all.emplace_back(name, counters.get());
    return all;
}

}  // namespace larder::cache
