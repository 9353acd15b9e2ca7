// A second level that cannot be trusted: it keeps the bytes of answers, and gives back what the seed says: the newest, an old version,
// another key's, damaged ones, or nothing; at once or much later. What it gave is then judged by the session, as Redis' is.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "cache/cache.h"
#include "cache/remote_value.h"
#include "proxy/session/second_level.h"
#include "simulation/random.h"

namespace larder::simulation {

class ModelShelf final : public session::SecondLevel {
public:
    ModelShelf(Random& random, const cache::ServerCounters& counters) : random_(random), values_(counters, {{1, 2}, 3}, {}) {}

    bool is_worth_asking(const cache::KeyView& key) override { return kept_.contains(key.hash); }
    void forget(const cache::KeyView& key) override;
    void on_evicted(const cache::ResultRef& result) override;
    // Memory loses everything; some of it is put here.
    void push_out(cache::Cache& cache);
    cache::ResultRef look_up(Bytes key, std::uint64_t hash, const cache::DatabaseCounters& counters);
    std::uint64_t given() const { return given_; }

private:
    void keep(const cache::CachedResult& result);

    Random& random_;
    cache::RemoteValues values_;
    std::unordered_map<std::uint64_t, std::vector<std::string>> kept_;   // by hash; every version so far, the newest last
    std::vector<std::string> all_;
    std::uint64_t given_ = 0;
};

}  // namespace larder::simulation
