// What an administrator may do to the running proxy (base/operations.h): turns the gates of its databases, and tells the workers.
// Threads: any, once the workers run.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/operations.h"
#include "proxy/shared.h"
#include "proxy/worker.h"

namespace larder::proxy {

class Operator final : public Operations {
public:
    // `workers`: empty until the proxy starts. Both outlive this.
    Operator(Shared& shared, const std::vector<std::unique_ptr<Worker>>& workers) : shared_(shared), workers_(workers) {}

    // Called, by any thread, when an end is asked for. Before the proxy starts.
    void on_shutdown(std::function<void()> call) { on_shutdown_ = std::move(call); }
    // What was asked for last, once.
    std::optional<Shutdown> take_shutdown();

    bool is_known(const std::string& database) const override;
    bool pause(const std::string& database) override;
    bool resume(const std::string& database) override;
    bool is_all_paused() const override { return shared_.upstream.are_all_paused(); }
    void set_disabled(const std::string& database, bool is_disabled) override;
    void reconnect(const std::string& database) override;
    void kill(const std::string& database) override;
    std::uint64_t servers_open(const std::string& database) const override { return places(database).taken; }
    std::uint64_t servers_old(const std::string& database) const override { return places(database).old; }
    void shut_down(Shutdown how) override;

private:
    std::vector<session::DatabaseState*> named(const std::string& database) const;
    session::DatabaseGate::Places places(const std::string& database) const;

    Shared& shared_;
    const std::vector<std::unique_ptr<Worker>>& workers_;
    std::function<void()> on_shutdown_;
    static constexpr int kNone = -1;
    std::atomic<int> shutdown_{kNone};
};

}  // namespace larder::proxy
