#include "proxy/session/upstream_state.h"

namespace larder::session {

DatabaseState::DatabaseState(std::string name, cache::ServerCounters& server)
    : name_(std::move(name)), server_(server), counters_(server.database(name_)) {}

std::shared_ptr<const CatalogueFacts> DatabaseState::facts() const {
    const Lock lock(mutex_);
    return facts_;
}

void DatabaseState::publish(std::shared_ptr<const CatalogueFacts> facts) {
    const Lock lock(mutex_);
    facts_ = std::move(facts);
}

void DatabaseState::want_facts() {
    // The load first: a session may call this for each statement while a load is under way.
    if (!wanted_.load(std::memory_order_relaxed)) wanted_.store(true, std::memory_order_release);
}

UpstreamState::UpstreamState(std::int32_t process_number) : process_number_(process_number) {}

DatabaseState& UpstreamState::database(std::string_view name) {
    const Lock lock(mutex_);
    for (const auto& database : databases_) {
        if (database->name() == name) return *database;
    }
    databases_.push_back(std::make_unique<DatabaseState>(std::string(name), counters));
    return *databases_.back();
}

std::vector<DatabaseState*> UpstreamState::databases() const {
    const Lock lock(mutex_);
    std::vector<DatabaseState*> all;
    for (const auto& database : databases_) all.push_back(database.get());
    return all;
}

}  // namespace larder::session
