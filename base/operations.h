// What an administrator may do to the running proxy: PgBouncer's PAUSE, RESUME, RECONNECT, KILL, DISABLE, ENABLE, WAIT_CLOSE and
// SHUTDOWN, as calls. None waits: what takes its time is asked about by servers_open() and servers_old().
//
// Implemented by proxy/, called by admin/, wired by main.
#pragma once

#include <cstdint>
#include <string>

namespace larder {

enum class Shutdown : std::uint8_t {
    at_once,           // every session ends now
    wait_for_clients,  // nobody is let in any more; the end comes when the last client has left
    wait_for_servers,  // the same, and each session ends as soon as it is between transactions
};

// `database`: its name; empty: all of them, those that come later too.
// Threads: any. No call blocks on I/O.
class Operations {
public:
    virtual ~Operations() = default;

    // Somebody has asked for this database since the start.
    virtual bool is_known(const std::string& database) const = 0;

    // False: it was so already.
    virtual bool pause(const std::string& database) = 0;
    virtual bool resume(const std::string& database) = 0;
    virtual bool is_all_paused() const = 0;
    // One database: whether clients are let in.
    virtual void set_disabled(const std::string& database, bool is_disabled) = 0;
    // Server connections that are there now are closed as soon as their clients give them back.
    virtual void reconnect(const std::string& database) = 0;
    // Ends every client (57P01) and closes every server connection; and pauses the database.
    virtual void kill(const std::string& database) = 0;

    // Server connections that are open or being opened; of those, the ones that a reconnect() wants closed.
    virtual std::uint64_t servers_open(const std::string& database) const = 0;
    virtual std::uint64_t servers_old(const std::string& database) const = 0;

    virtual void shut_down(Shutdown how) = 0;
};

}  // namespace larder
