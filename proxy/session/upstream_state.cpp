#include "proxy/session/upstream_state.h"

#include <algorithm>
#include <utility>

namespace larder::session {

DatabaseState::DatabaseState(std::string name, cache::ServerCounters& server)
    : name_(std::move(name)), server_(server), counters_(server.database(name_)) {}

std::shared_ptr<const CatalogueFacts> DatabaseState::facts(std::uint64_t* generation) const {
    const Lock lock(mutex_);
    if (generation != nullptr) *generation = generation_;
    return facts_;
}

std::shared_ptr<const CatalogueFacts> DatabaseState::valid_facts() const {
    auto found = facts();
    return found != nullptr && are_valid(*found) ? found : nullptr;
}

std::shared_ptr<const RelationFiles> DatabaseState::files() const {
    const Lock lock(mutex_);
    return files_;
}

void DatabaseState::publish(std::shared_ptr<const RelationFiles> files) {
    const Lock lock(mutex_);
    files_ = std::move(files);
    are_files_read_.store(false, std::memory_order_release);
}

Registered DatabaseState::add_unjudged(std::shared_ptr<Unjudged> statement, std::uint64_t generation) {
    const Lock lock(mutex_);
    if (generation != generation_) return Registered::facts_are_new;
    if (unjudged_.size() == kUnjudgedMax) {
        forget_repeats();
        if (unjudged_.size() > kUnjudgedMax / 2) return Registered::too_many;  // it would be full again too soon
    }
    unjudged_.push_back(std::move(statement));
    return Registered::yes;
}

// Under load a statement runs many times while the catalogue is read. Of those runs that are over one will do, since all of them
// are judged by the same facts, and leave the list together.
void DatabaseState::forget_repeats() {
    const auto over = std::partition(unjudged_.begin(), unjudged_.end(), [](const auto& statement) { return !statement->ended.load(std::memory_order_acquire); });
    const auto identity = [](const auto& statement) { return std::pair(statement->facts.get(), statement->env.get()); };
    std::sort(over, unjudged_.end(), [&](const auto& a, const auto& b) { return identity(a) < identity(b); });
    unjudged_.erase(std::unique(over, unjudged_.end(), [&](const auto& a, const auto& b) { return identity(a) == identity(b); }), unjudged_.end());
    ++repeats_forgotten_;
}

void DatabaseState::begin_load() {
    const Lock lock(mutex_);
    std::erase_if(unjudged_, [](const auto& statement) { return statement->ended.load(std::memory_order_acquire); });
}

bool DatabaseState::publish(std::shared_ptr<const CatalogueFacts> facts) {
    // Most are judged without the lock, which sessions take for each statement just now; the last few under it.
    std::size_t judged = 0;
    std::uint64_t forgotten = 0;
    for (bool is_last = false; !is_last;) {
        std::vector<std::shared_ptr<Unjudged>> statements;
        {
            const Lock lock(mutex_);
            constexpr std::size_t kUnderLockMax = 16;
            if (forgotten != repeats_forgotten_) judged = 0;  // from the beginning: those that were judged stand elsewhere now
            forgotten = repeats_forgotten_;
            is_last = unjudged_.size() - judged <= kUnderLockMax;
            for (std::size_t i = judged; i < unjudged_.size(); ++i) {
                if (!is_last) statements.push_back(unjudged_[i]);
                else if (!is_harmless(*unjudged_[i], *facts->catalogue)) return false;
            }
            if (is_last) {
                unjudged_.clear();
                facts_ = std::move(facts);
                ++generation_;
                return true;
            }
            judged = unjudged_.size();
        }
        const Unjudged* last = nullptr;
        for (const auto& statement : statements) {
            const bool is_repeat = last != nullptr && last->facts == statement->facts && last->env == statement->env;
            if (!is_repeat && !is_harmless(*statement, *facts->catalogue)) return false;
            last = statement.get();
        }
    }
    return false;
}

void DatabaseState::want_facts() {
    // The load first: a session may call this for each statement while a load is under way.
    if (!wanted_.load(std::memory_order_relaxed)) wanted_.store(true, std::memory_order_release);
}

UpstreamState::UpstreamState(std::int32_t process_number) : process_number_(process_number), strangers_(std::string(), counters) {}

DatabaseState& UpstreamState::database(std::string_view name) {
    const Lock lock(mutex_);
    for (const auto& database : databases_) {
        if (database->name() == name) return *database;
    }
    databases_.push_back(std::make_unique<DatabaseState>(std::string(name), counters));
    if (are_all_paused_) databases_.back()->gate().pause(DatabaseGate::PausedBy::all);
    return *databases_.back();
}

DatabaseState* UpstreamState::find_database(std::string_view name) const {
    const Lock lock(mutex_);
    for (const auto& database : databases_) {
        if (database->name() == name) return database.get();
    }
    return nullptr;
}

bool UpstreamState::pause_all() {
    const Lock lock(mutex_);
    strangers_.gate().pause(DatabaseGate::PausedBy::all);
    for (const auto& database : databases_) database->gate().pause(DatabaseGate::PausedBy::all);
    return !std::exchange(are_all_paused_, true);
}

bool UpstreamState::resume_all() {
    const Lock lock(mutex_);
    strangers_.gate().resume(DatabaseGate::PausedBy::all);
    for (const auto& database : databases_) database->gate().resume(DatabaseGate::PausedBy::all);
    return std::exchange(are_all_paused_, false);
}

bool UpstreamState::are_all_paused() const {
    const Lock lock(mutex_);
    return are_all_paused_;
}

std::vector<DatabaseState*> UpstreamState::databases() const {
    const Lock lock(mutex_);
    std::vector<DatabaseState*> all;
    for (const auto& database : databases_) all.push_back(database.get());
    return all;
}

}  // namespace larder::session
