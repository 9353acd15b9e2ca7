// The control connection: by it Larder knows that the server it serves for is alive, primary and the same as before.
//
// Incarnation. The connection holds an exclusive advisory lock whose number is random per connection; a server connection
// that finds no lock of that number in pg_locks has reached another server. While the connection is lost nothing is served;
// a new one is a new incarnation: `server` moves, which ends every entry, then the new number counts.
//
// Others. A second Larder in front of the same server would write behind this one's back: its instance lock is seen and
// nothing is served until it has gone. The backends of a Larder that has ended may still commit: their locks (another
// process number) are waited for likewise.
//
// Threads: one of its own, blocking with timeouts; the public calls from any thread.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "proxy/pg_connection.h"
#include "proxy/shared.h"
#include "proxy/unknown_outcomes.h"

namespace larder::proxy {

class Control {
public:
    // `on_server_version`: called on the control thread when the server's version is known or has changed.
    Control(Shared& shared, KeptOutcomes& outcomes, std::function<void(const std::string&)> on_server_version);
    ~Control();
    Control(const Control&) = delete;
    Control& operator=(const Control&) = delete;

    void start();
    void stop();
    bool is_connected() const { return is_connected_.load(std::memory_order_acquire); }
    std::string server_version() const;

private:
    void run();
    void serve();                                  // one connection, from opening to its loss
    bool begin_incarnation();
    bool check_state();                            // false: the connection is of no use any more
    void check_console_rights();                   // of those who are in the console
    bool settle_outcomes();
    void decide(rules::Reason reason, const std::string& why);
    void lost(const std::string& why);

    Shared& shared_;
    KeptOutcomes& outcomes_;
    std::function<void(const std::string&)> on_server_version_;
    std::thread thread_;
    Wakeup stop_wakeup_;
    std::atomic<bool> stopping_{false};
    std::atomic<bool> is_connected_{false};
    std::unique_ptr<PgConnection> connection_;
    std::vector<std::int32_t> numbers_;            // of this process, newest last: an old backend of ours may hold one still
    std::string conf_load_time_, start_time_;
    std::string last_why_;                         // logged once per change
    mutable Mutex version_mutex_;
    std::string server_version_ LARDER_GUARDED_BY(version_mutex_);
};

}  // namespace larder::proxy
