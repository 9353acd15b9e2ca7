// Interning of environments: one object and one id for all sessions whose environments are equal.
#include <algorithm>
#include <unordered_map>

#include "base/check.h"
#include "base/thread_annotations.h"
#include "rules/session_env.h"

namespace larder::rules {

namespace {

// All that equality means, length-prefixed so that no two environments give the same bytes.
std::string fields_of(const SessionEnv& env) {
    std::string out;
    const auto add = [&out](std::string_view field) {
        const std::uint64_t size = field.size();
        out.append(reinterpret_cast<const char*>(&size), sizeof size);
        out.append(field);
    };
    add(env.database);
    add(env.current_user);
    add(env.session_user);
    add(env.owns_temp_objects ? "t" : "f");
    add(env.temp_objects_run_code ? "t" : "f");
    add(std::to_string(env.search_path.size()));
    for (const auto& schema : env.search_path) add(schema);
    add(std::to_string(env.schemas.size()));
    for (const auto& schema : env.schemas) add(schema);
    for (const auto& [name, value] : env.settings) {
        add(name);
        add(value);
    }
    return out;
}

}  // namespace

struct EnvironmentPool::Impl {
    mutable Mutex mutex;
    // An environment that no session uses any more has expired; such entries are swept when the table has doubled since
    // the last sweep, so that a sweep costs a constant per environment.
    std::unordered_map<std::string, std::weak_ptr<const SessionEnv>> known LARDER_GUARDED_BY(mutex);
    std::size_t sweep_at LARDER_GUARDED_BY(mutex) = kSweepAtLeast;
    std::uint64_t next_id LARDER_GUARDED_BY(mutex) = 1;

    static constexpr std::size_t kSweepAtLeast = 64;

    void sweep() LARDER_REQUIRES(mutex) {
        std::erase_if(known, [](const auto& entry) { return entry.second.expired(); });
        sweep_at = std::max(kSweepAtLeast, known.size() * 2);
    }
};

EnvironmentPool::EnvironmentPool() : impl_(std::make_unique<Impl>()) {}
EnvironmentPool::~EnvironmentPool() = default;

std::shared_ptr<const SessionEnv> EnvironmentPool::intern(std::shared_ptr<SessionEnv> env) {
    LARDER_ASSERT(env != nullptr);
    auto fields = fields_of(*env);
    const Lock lock(impl_->mutex);
    if (impl_->known.size() >= impl_->sweep_at) impl_->sweep();
    auto& known = impl_->known[std::move(fields)];
    if (auto same = known.lock()) return same;
    env->id = impl_->next_id++;
    env->verdicts = SessionEnv::Verdicts{env->is_lexing_safe(), env->is_default_isolation_servable(), env->is_default_isolation_serializable()};
    known = env;
    return env;
}

std::shared_ptr<const SessionEnv> EnvironmentPool::find(std::uint64_t id) const {
    const Lock lock(impl_->mutex);
    for (const auto& [fields, known] : impl_->known) {
        if (auto env = known.lock(); env != nullptr && env->id == id) return env;
    }
    return nullptr;
}

std::shared_ptr<const SessionEnv> EnvironmentPool::find(std::string_view database, std::string_view role) const {
    const Lock lock(impl_->mutex);
    std::shared_ptr<const SessionEnv> newest;
    for (const auto& [fields, known] : impl_->known) {
        auto env = known.lock();
        if (env == nullptr || env->database != database || (!role.empty() && env->current_user != role)) continue;
        if (newest == nullptr || env->id > newest->id) newest = std::move(env);
    }
    return newest;
}

}  // namespace larder::rules
