#include "admin/feed_report.h"

#include "admin/cells.h"

namespace larder::admin {

ConsoleReply show_feed(SnapshotSource& source) {
    const auto feed = source.snapshot().feed;
    ConsoleReply reply;
    reply.columns = {"state", "why", "lag_seconds", "lag_max_seconds", "received_lsn", "applied_lsn", "flushed_lsn", "pending", "commits", "own_commits",
                     "dropped_relations", "dropped_databases", "catalogue_checks", "streams", "barrier_waits", "barrier_late", "barrier_questions"};
    const auto text = [](const std::string& value) { return value.empty() ? std::nullopt : std::optional(value); };
    reply.rows.push_back({feed.state, text(feed.why), number(feed.lag_seconds, 6), number(feed.lag_seconds_max, 3), text(feed.received), text(feed.applied),
                          text(feed.flushed), number(feed.pending), number(feed.commits), number(feed.own_commits), number(feed.dropped_relations),
                          number(feed.dropped_databases), number(feed.catalogue_checks), number(feed.streams), number(feed.barrier_waits()),
                          number(feed.barrier_late), number(feed.barrier_questions)});
    return reply;
}

json::object feed_object(const Snapshot& snapshot) {
    const auto& feed = snapshot.feed;
    return {
        {"state", feed.state},
        {"why", text_or_null(feed.why)},
        {"lag_seconds", feed.lag_seconds},
        {"lag_seconds_max", feed.lag_seconds_max},
        {"received_lsn", text_or_null(feed.received)},
        {"applied_lsn", text_or_null(feed.applied)},
        {"flushed_lsn", text_or_null(feed.flushed)},
        {"pending", feed.pending},
        {"commits", feed.commits},
        {"own_commits", feed.own_commits},
        {"dropped_relations", feed.dropped_relations},
        {"dropped_databases", feed.dropped_databases},
        {"catalogue_checks", feed.catalogue_checks},
        {"streams", feed.streams},
        {"barrier_waits", feed.barrier_waits()},
        {"barrier_late", feed.barrier_late},
        {"barrier_questions", feed.barrier_questions},
    };
}

}  // namespace larder::admin
