#include "simulation/model_shelf.h"

namespace larder::simulation {
namespace {

constexpr std::size_t kVersionsMax = 8, kAllMax = 64;

}  // namespace

void ModelShelf::forget(const cache::KeyView& key) {
    if (random_.one_in(2)) kept_.erase(key.hash);
}

void ModelShelf::on_evicted(const cache::ResultRef& result) { keep(*result); }

void ModelShelf::keep(const cache::CachedResult& result) {
    std::string value;
    if (!values_.write(result, value)) return;
    auto& versions = kept_[cache::hash_key(result.key())];
    if (versions.size() == kVersionsMax) versions.erase(versions.begin());
    versions.push_back(value);
    if (all_.size() < kAllMax) all_.push_back(value);
    else all_[random_.below(kAllMax)] = value;
}

void ModelShelf::push_out(cache::Cache& cache) {
    cache.visit_entries(SIZE_MAX, [this](const cache::ResultRef& result, std::uint32_t) { keep(*result); });
    cache.purge_all();
}

cache::ResultRef ModelShelf::look_up(Bytes key, std::uint64_t hash, const cache::DatabaseCounters& counters) {
    const auto found = kept_.find(hash);
    if (found == kept_.end() || random_.one_in(10)) return {};
    std::string value = random_.one_in(3) ? found->second[random_.below(found->second.size())] : found->second.back();
    if (random_.one_in(10)) value = all_[random_.below(all_.size())];
    if (random_.one_in(20)) value[random_.below(value.size())] ^= 4;
    auto fault = cache::RemoteFault::none;
    auto result = values_.read(value, key, counters, fault);
    if (result) ++given_;
    return result;
}

}  // namespace larder::simulation
