// Operations that only note what they were asked for.
#pragma once

#include "base/operations.h"

#include <string>
#include <vector>

namespace larder::admin {

struct FakeOperations final : Operations {
    std::vector<std::string> calls;
    std::uint64_t open = 1, old = 1;
    bool is_new = true, all_paused = false;

    bool is_known(const std::string& database) const override { return database == "shop" || database == "Odd name"; }
    bool pause(const std::string& database) override { return calls.push_back("pause " + database), is_new; }
    bool resume(const std::string& database) override { return calls.push_back("resume " + database), is_new; }
    bool is_all_paused() const override { return all_paused; }
    void set_disabled(const std::string& database, bool is_disabled) override { calls.push_back((is_disabled ? "disable " : "enable ") + database); }
    void reconnect(const std::string& database) override { calls.push_back("reconnect " + database); }
    void kill(const std::string& database) override { calls.push_back("kill " + database); }
    std::uint64_t servers_open(const std::string&) const override { return open; }
    std::uint64_t servers_old(const std::string&) const override { return old; }
    void shut_down(Shutdown how) override { calls.push_back("shutdown " + std::to_string(static_cast<int>(how))); }
};

}  // namespace larder::admin
