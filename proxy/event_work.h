// What Larder itself does on events, some time after them and all at once: drops the answers that carry the tags of tables that were
// written to, and refreshes materialized views whose sources changed (docs/events.md).
//
// A refresh goes through Larder's own port, as anybody's would, so that what is cached of the view is dropped when it ends and not
// before. One at a time. What a view is made from is asked of the catalogue each time. An event that names no relation, a gap and a start
// concern all views; since a refresh may itself be the reason for such an event, they count once a minute at most.
//
// Memory: the relations and tags of one delay, kNamesMax at most; beyond that all are meant.
// Threads: see EventReader.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/backoff.h"
#include "base/clock.h"
#include "config/config.h"
#include "proxy/event_reader.h"
#include "proxy/pg_connection.h"

namespace larder::proxy {

class EventWork final : public EventReader {
public:
    static constexpr std::size_t kNamesMax = 10'000;

    // `purge_tag`: drops what carries a tag; an empty one: everything.
    EventWork(EventBus& events, const config::Config& config, std::function<void(const std::string&)> purge_tag);
    ~EventWork() override { stop(); }
    // Is there anything for it to do?
    static bool is_wanted(const config::Events& options) { return options.purge_tags || !options.refresh_views.empty(); }

private:
    struct View {
        std::string name = {};                  // as it is configured
        bool is_old = false;                    // also while it is known to be old and cannot be refreshed
        Backoff backoff{std::chrono::milliseconds(200), std::chrono::milliseconds(30'000)};
        Instant not_before = kLongAgo;
        std::string told = {};                  // the problem that the log knows of
    };
    std::string step(bool is_last) override;
    std::string trouble() const override { return "the work on events cannot be done"; }
    void gather();
    void take(const Event& event);
    void purge_tags();
    std::string refresh_views();
    bool connect(std::string& problem);
    std::string refresh_if_old(View& view);
    void tell(View& view, const std::string& problem);

    const config::Events options_;
    const config::Upstream larder_;             // Larder itself, as a client sees it
    std::vector<View> views_;
    const std::function<void(const std::string&)> purge_tag_;
    std::unique_ptr<PgConnection> connection_;
    std::set<std::string> relations_, tags_;    // that were written to, and are not worked on yet
    bool is_all_in_doubt_ = true;
    Instant due_ = kNever, doubt_due_ = kLongAgo;
};

}  // namespace larder::proxy
