// The proxy as a whole: what is shared, the workers, the listener, the control connection and the catalogue loader, and
// their start and end. Also the view of them that admin/ is given.
//
// Threads: main's, except the calls of SnapshotSource and StatementSource, which come from any.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/events.h"
#include "base/snapshot.h"
#include "base/traffic.h"
#include "config/config.h"
#include "proxy/catalogue_service.h"
#include "proxy/checks.h"
#include "proxy/change_feed.h"
#include "proxy/control.h"
#include "proxy/event_pump.h"
#include "proxy/event_watch.h"
#include "proxy/listener.h"
#include "proxy/operator.h"
#include "proxy/rule_store.h"
#include "proxy/shared.h"
#include "proxy/unknown_outcomes.h"
#include "proxy/worker.h"

namespace larder::proxy {

class Proxy final : public SnapshotSource, public StatementSource {
public:
    // Loads rules and certificates. Throws config::ConfigError or std::runtime_error.
    // `rules_file`: of rules made at run time, RuleStore.
    explicit Proxy(const config::Config& config, const std::string& rules_file = {});
    ~Proxy() override;
    Proxy(const Proxy&) = delete;
    Proxy& operator=(const Proxy&) = delete;

    void set_console(ConsoleHandler& console) { shared_.console = &console; }  // before start()
    // Binds, then starts every thread. Throws std::runtime_error if an address cannot be listened on. `passed`: sockets to listen on
    // instead of listen.address.
    void start(const std::vector<int>& passed = {});
    // Every worker has gone round its event loop since the last call. Main's thread.
    bool workers_move();
    std::string address() const { return listener_->address(); }

    // Takes over what can change while running: rules, TTLs, certificates, log. Throws as the constructor does, and then
    // everything stays as it was.
    // Returns the keys that differ from what runs and wait for a restart. From any thread.
    std::vector<std::string> reload(const config::Config& config);
    void set_last_reload_failed(bool failed) { last_reload_failed_ = failed; }  // for the metric; any thread

    void refuse_new_clients();
    void begin_drain();                       // the same, and sessions end as soon as they are idle
    int client_count() const { return shared_.clients.load(); }
    void stop();                              // at once

    Snapshot snapshot() const override;
    std::vector<ClientRow> clients() const override;
    std::vector<RelationRow> relations() const override;
    std::vector<CacheEntryRow> cache_entries(std::size_t max) const override;
    std::vector<ReasonRow> reasons() const override;
    std::vector<PoolRow> pools() const override;
    std::vector<DatabaseTrafficRow> traffic() const override { return shared_.statistics.rows(now()); }
    void purge_cache() override;
    std::optional<std::size_t> purge_relation(const std::string& database, const std::string& relation) override;
    std::size_t purge_tag(const std::string& database, const std::string& tag) override;
    std::optional<std::size_t> purge_fingerprint(const std::string& database, const std::string& fingerprint) override;
    bool kill_client(std::uint64_t id) override;
    std::vector<StatementRow> statements(bool with_samples) const override;
    StatementTotals statement_totals() const override;
    void set_advice(const std::string& statement_id, int advice) const override;
    config::RuleBook& rules() { return *rules_; }
    Operator& operations() { return operator_; }
    Verification& verification() { return *checks_; }
    EventBus& events() { return events_; }
    // Also looked at about once a second, for events; before start().
    void watch_also(std::function<void()> look) { event_watch_->also(std::move(look)); }
    // What is known of this database's catalogue, if it is known to be true now; else null, and it is loaded.
    std::shared_ptr<const rules::Catalogue> catalogue(const std::string& database);

private:
    Snapshot::Redis redis_numbers() const;
    std::uint64_t hits() const;
    void add_promise(Snapshot& out) const;
    std::string plain_password(const std::string& user) const;
    void publish(std::shared_ptr<const rules::UserRules> rules);
    template <class IsUnwanted>
    std::size_t purge(const IsUnwanted& is_unwanted);  // of an answer's Origin (purge.cpp)
    void take_over(const config::Config& config);  // all of a reload but the rules
    void tell(Event event);
    void tell_of_quarantine(const rules::QuarantinedShape& what, bool is_in);
    void tell_of_rule(const config::RuleCommand& command, const config::RuleOptions& options);
    EventWatch::States event_states() const;
    bool is_table(const std::string& schema, const std::string& name) const;
    std::vector<std::string> table_names(const std::string& database, const std::vector<Oid>& relations) const;

    Shared shared_;
    EventBus events_;
    KeptOutcomes outcomes_;
    std::vector<std::unique_ptr<Worker>> workers_;
    Operator operator_{shared_, workers_};
    std::unique_ptr<Listener> listener_;
    std::unique_ptr<Control> control_;        // null: Larder cannot log in itself
    std::unique_ptr<CatalogueService> catalogues_;
    std::unique_ptr<ChangeFeed> feed_;        // null: nobody else writes, or it is turned off
    std::unique_ptr<RuleStore> rules_;
    std::unique_ptr<Checks> checks_;
    std::unique_ptr<EventWatch> event_watch_;
    std::vector<std::unique_ptr<EventPump>> event_pumps_;  // one for each sink
    Instant started_;
    std::atomic<bool> last_reload_failed_{false};
    std::vector<std::uint64_t> ticks_seen_;   // by worker
    bool is_stopped_ = false;
};

}  // namespace larder::proxy
