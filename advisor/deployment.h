// One deployment of an advice, with all that became of it: told in the console and over HTTP, and kept in the history.
//
//   waiting ─ building ─ watching ─┬─ kept ────────┐
//                │                 ├─ unproven ────┼─ reverting ─ reverted
//                └─ failed         └───────────────┘        └─ failed
//
// Threads: a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "advisor/watch.h"

namespace larder::advisor {

enum class DeploymentState : std::uint8_t { waiting, building, watching, kept, unproven, reverting, reverted, failed };

std::string_view name(DeploymentState state);
std::optional<DeploymentState> deployment_state(std::string_view name);

// What somebody wants deployed.
struct Order {
    std::string database;               // empty: that of the upstream's URI
    std::string title;                  // for people
    std::string kind;                   // of the advice
    std::string subject;                // by which TrafficSource knows the statement; empty: it is not watched
    std::string statement;              // as it may be shown: without values where those are not to be seen
    std::vector<std::string> deploy, undo;
    std::optional<double> gain;         // that the advice expected
    std::string asked_by;               // a role, or "http", "command line"
};

struct DeploymentEvent {
    std::int64_t unix_ms = 0;
    DeploymentState state = DeploymentState::waiting;
    std::string text;                   // a sentence
};

struct Deployment {
    int id = 0;
    Order order;
    DeploymentState state = DeploymentState::waiting;
    std::size_t steps_done = 0;         // of order.deploy: what is undone when it is reverted or fails
    bool was_cut_off = false;           // while it was built: what the step after those done left is not known
    std::string begun_by;               // the server process that began that step (Builder::backend); empty: it has not begun
    std::vector<std::string> made;      // of each step done: the definition of the index it made, or ""
    Work statement_at_start, writers_at_start;  // the sums when the watch began
    Window before, since;
    std::int64_t watching_since_ms = 0;
    unsigned table_oid = 0;             // whose writers are watched; 0: nobody's
    std::vector<DeploymentEvent> events;

    bool is_over() const { return state == DeploymentState::failed || state == DeploymentState::reverted; }
};

boost::json::object to_json(const Deployment& deployment);
// Nothing if the object is not what to_json() makes.
std::optional<Deployment> read_deployment(const boost::json::value& value);

// The document of the lifecycle: what was advised, done and measured, and how to undo it.
std::string to_markdown(const std::vector<Deployment>& deployments);

// "2026-01-31 12:00:00Z"
std::string print_utc(std::int64_t unix_ms);

}  // namespace larder::advisor
