// The console: SHOW … and commands on the virtual database `larder`, with PgBouncer's names, columns and units where the
// thing is the same (times in microseconds, sizes in bytes). What PgBouncer measures and Larder does not is NULL.
//
// Threads: any; it only reads snapshots. What takes longer is done on a thread of its own, one after the other.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include "admin/webhooks.h"
#include "base/advice.h"
#include "base/console.h"
#include "base/events.h"
#include "base/operations.h"
#include "base/settings.h"
#include "base/snapshot.h"
#include "base/traffic.h"
#include "base/verification.h"
#include "config/rule_book.h"

namespace larder::admin {

inline constexpr std::size_t kConsoleEntriesMax = 1000;  // SHOW CACHE ENTRIES: newest knowledge of so many
inline constexpr int kConsoleAsideMax = 16;              // commands that take time and are not done yet

class Console final : public ConsoleHandler {
public:
    // `traffic`, `advice`, `rules`, `settings`, `operations` and `checks` may be null: their commands say so.
    explicit Console(SnapshotSource& source, const StatementSource* traffic = nullptr, AdviceSource* advice = nullptr, config::RuleBook* rules = nullptr,
                     SettingsSource* settings = nullptr, Operations* operations = nullptr, Verification* checks = nullptr)
        : source_(source), traffic_(traffic), advice_(advice), rules_(rules), settings_(settings), operations_(operations), checks_(checks) {}
    // For SHOW EVENTS; before the first run().
    void set_events(const EventBus& events) { events_ = &events; }
    // For SHOW WEBHOOKS; the same.
    void set_webhooks(const Webhooks& webhooks) { webhooks_ = &webhooks; }
    ConsoleReply run(std::string_view statement, bool is_admin) override;

private:
    ConsoleReply run_with_words(const std::vector<std::string>& words, std::string_view statement, bool is_admin);
    ConsoleReply run_of_settings(const std::vector<std::string>& words);
    ConsoleReply run_of_checks(std::string_view statement, const std::vector<std::string>& words, bool is_admin);
    ConsoleReply run_of_rules(std::string_view statement, const std::vector<std::string>& words, bool is_admin);
    ConsoleReply run_purge(std::string_view statement, const std::vector<std::string>& words);

    SnapshotSource& source_;
    const StatementSource* traffic_;
    AdviceSource* advice_;
    config::RuleBook* rules_;
    SettingsSource* settings_;
    Operations* operations_;
    Verification* checks_;
    const EventBus* events_ = nullptr;
    const Webhooks* webhooks_ = nullptr;
    boost::asio::thread_pool aside_{1};  // for what would hold up a session's thread
    std::shared_ptr<std::atomic<int>> aside_waiting_ = std::make_shared<std::atomic<int>>(0);
};

// The words of a command in upper case, without the semicolon at its end, comments and repeated blanks.
// Empty for a text that holds more than one command. For Console and its tests.
std::vector<std::string> console_words(std::string_view statement);
// The same as they were written, without the double quotes in which a name may hold blanks and semicolons.
std::vector<std::string> console_names(std::string_view statement);

}  // namespace larder::admin
