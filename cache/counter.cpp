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
    std::map<const RelationCounters*, Oid, std::less<>> oids LARDER_GUARDED_BY(mutex);  // of those, by address
    OutstandingWrites outstanding;
    std::atomic<Counter*> rows{nullptr};
    std::unique_ptr<Counter[]> rows_owned LARDER_GUARDED_BY(mutex);
};

DatabaseCounters::DatabaseCounters() : impl_(std::make_unique<Impl>(catalogue)) {}
DatabaseCounters::~DatabaseCounters() = default;

RelationCounters& DatabaseCounters::relation(Oid root) {
    Lock lock(impl_->mutex);
    auto& counters = impl_->relations[root];
    if (!counters) {
        counters = std::make_unique<RelationCounters>();
        impl_->oids.emplace(counters.get(), root);
    }
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

namespace {

// A name: what kind of counter, which of the relation's keys, and the number of the relation or row.
enum class NameKind : std::uint8_t { catalogue = 1, any, row, scan, all, absent };
constexpr unsigned kKindShift = 56, kKeyShift = 48;
constexpr std::uint64_t make_name(NameKind kind, std::uint64_t number, std::size_t key = 0) {
    return std::uint64_t{static_cast<std::uint8_t>(kind)} << kKindShift | std::uint64_t{key} << kKeyShift | number;
}

std::optional<std::uint64_t> name_in(const RelationCounters& relation, Oid oid, const Counter* counter) {
    if (counter == &relation.scan) return make_name(NameKind::scan, oid);
    for (std::size_t i = 0; i < relation.keys.size(); ++i) {
        if (counter == &relation.keys[i].all) return make_name(NameKind::all, oid, i);
        if (counter == &relation.keys[i].absent) return make_name(NameKind::absent, oid, i);
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> DatabaseCounters::name_of(const Counter* counter) const {
    if (counter == &catalogue) return make_name(NameKind::catalogue, 0);
    if (counter == &any) return make_name(NameKind::any, 0);
    const std::less<> before;
    const Counter* rows = impl_->rows.load(std::memory_order_acquire);
    if (rows != nullptr && !before(counter, rows) && before(counter, rows + kRowCounters)) return make_name(NameKind::row, static_cast<std::uint64_t>(counter - rows));
    Lock lock(impl_->mutex);
    auto at = impl_->oids.upper_bound(static_cast<const void*>(counter));
    if (at == impl_->oids.begin()) return std::nullopt;
    --at;
    return at->first->holds(counter) ? name_in(*at->first, at->second, counter) : std::nullopt;
}

const Counter* DatabaseCounters::named(std::uint64_t name) const {
    const std::size_t key = name >> kKeyShift & 0xFF;
    const std::uint64_t number = name & ((std::uint64_t{1} << kKeyShift) - 1);
    const auto kind = static_cast<NameKind>(name >> kKindShift);
    if (kind == NameKind::catalogue || kind == NameKind::any) return key != 0 || number != 0 ? nullptr : kind == NameKind::any ? &any : &catalogue;
    if (kind == NameKind::row) {
        const Counter* rows = impl_->rows.load(std::memory_order_acquire);
        return rows == nullptr || key != 0 || number >= kRowCounters ? nullptr : rows + number;
    }
    if (number > UINT32_MAX || key >= kKeysMax) return nullptr;
    Lock lock(impl_->mutex);
    const auto at = impl_->relations.find(static_cast<Oid>(number));
    if (at == impl_->relations.end()) return nullptr;
    switch (kind) {
        case NameKind::scan: return key == 0 ? &at->second->scan : nullptr;
        case NameKind::all: return &at->second->keys[key].all;
        case NameKind::absent: return &at->second->keys[key].absent;
        case NameKind::catalogue: case NameKind::any: case NameKind::row: break;
    }
    return nullptr;
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

const DatabaseCounters* ServerCounters::database_of(const Counter* catalogue) const {
    Lock lock(impl_->mutex);
    for (const auto& [name, counters] : impl_->databases) {
        if (&counters->catalogue == catalogue) return counters.get();
    }
    return nullptr;
}

std::vector<std::pair<std::string, DatabaseCounters*>> ServerCounters::databases() const {
    std::vector<std::pair<std::string, DatabaseCounters*>> all;
    Lock lock(impl_->mutex);
    all.reserve(impl_->databases.size());
    for (const auto& [name, counters] : impl_->databases) all.emplace_back(name, counters.get());
    return all;
}

}  // namespace larder::cache
