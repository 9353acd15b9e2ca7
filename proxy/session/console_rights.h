// Who may use the console, and for how long: what the login found is asked again while the session lasts, or a superuser who is none any
// more would keep the commands of one for as long as he stays connected.
//
// A session enters with its role's OID, so that a new name or another role of the old name changes nothing; the control thread asks about
// all roles that are there, once per look at the server. Without a control connection what the login found holds.
//
// Threads: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/thread_annotations.h"

namespace larder::session {

enum class ConsoleRight : std::uint8_t { none, may_look, may_change };

// The role of one console session, which keeps it.
class ConsoleRole {
public:
    ConsoleRole(std::uint32_t oid, ConsoleRight right) : oid_(oid), right_(right) {}

    std::uint32_t oid() const { return oid_; }
    ConsoleRight right() const { return right_.load(std::memory_order_acquire); }
    void set_right(ConsoleRight right) { right_.store(right, std::memory_order_release); }

private:
    const std::uint32_t oid_;
    std::atomic<ConsoleRight> right_;
};

class ConsoleRights {
public:
    std::shared_ptr<ConsoleRole> enter(std::uint32_t oid, ConsoleRight found) {
        auto role = std::make_shared<ConsoleRole>(oid, found);
        const Lock lock(mutex_);
        std::erase_if(roles_, [](const auto& one) { return one.expired(); });
        roles_.push_back(role);
        return role;
    }

    // Of all sessions that are there now.
    std::vector<std::shared_ptr<ConsoleRole>> roles() const {
        std::vector<std::shared_ptr<ConsoleRole>> found;
        const Lock lock(mutex_);
        for (const auto& one : roles_) {
            if (auto role = one.lock()) found.push_back(std::move(role));
        }
        return found;
    }

private:
    mutable Mutex mutex_;
    std::vector<std::weak_ptr<ConsoleRole>> roles_ LARDER_GUARDED_BY(mutex_);
};

}  // namespace larder::session
