// A world without sockets for sessions: one cache, one upstream with a small catalogue, and any number of clients, each
// with a scripted server. Bytes go in whole or one at a time; everything that comes out is kept for the test to look at.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "cache/cache.h"
#include "proxy/session/session.h"
#include "proxy/session/statement_memo.h"
#include "protocol/backend.h"
#include "protocol/error.h"
#include "protocol/frontend.h"
#include "rules/catalogue.h"

namespace larder::session::test {

inline std::string query(Bytes text) {
    std::string out;
    protocol::Query{text}.append_to(out);
    return out;
}
inline std::string parse(Bytes name, Bytes text) {
    std::string out;
    protocol::append_parse(out, name, text);
    return out;
}
inline std::string bind(Bytes portal, Bytes statement, std::vector<protocol::ValueList::Value> values = {}, std::vector<std::uint16_t> formats = {}) {
    std::string out;
    protocol::append_bind(out, portal, statement, {}, values, formats);
    return out;
}
inline std::string describe(protocol::Target target, Bytes name) {
    std::string out;
    protocol::Describe{target, name}.append_to(out);
    return out;
}
inline std::string execute(Bytes portal, std::int32_t rows_max = 0) {
    std::string out;
    protocol::Execute{portal, rows_max}.append_to(out);
    return out;
}
inline std::string sync_message() { return std::string(protocol::kSync); }
inline std::string close(protocol::Target target, Bytes name) {
    std::string out;
    protocol::Close{target, name}.append_to(out);
    return out;
}

inline std::string ready(char status) { return std::string(protocol::ready_for_query(status)); }
inline std::string row_description(Bytes name) {
    std::string out;
    const protocol::Field field{.name = name, .type = 23, .type_bytes = 4};
    protocol::append_row_description(out, std::span(&field, 1));
    return out;
}
inline std::string data_row(Bytes value) {
    std::string out;
    const protocol::ValueList::Value one = value;
    protocol::append_data_row(out, std::span(&one, 1));
    return out;
}
inline std::string complete(Bytes tag) {
    std::string out;
    protocol::CommandComplete{tag}.append_to(out);
    return out;
}
inline std::string error(Bytes sqlstate, Bytes message) {
    std::string out;
    protocol::append_error(out, {protocol::severity::kError, sqlstate, message});
    return out;
}
// The answer to a simple SELECT of one row.
inline std::string answer(Bytes value, char status = 'I') { return row_description("n") + data_row(value) + complete("SELECT 1") + ready(status); }

// The type bytes of a run of messages: "TDCZ".
inline std::string types_of(Bytes messages) {
    std::string types;
    while (const auto header = protocol::peek_header(messages)) {
        types += header->type;
        messages.remove_prefix(std::min<std::size_t>(messages.size(), static_cast<std::size_t>(header->total_bytes)));
    }
    return types;
}

class KeptOutcomes : public UnknownOutcomes {
public:
    void keep(cache::WriteTicket ticket, std::int32_t backend_pid) override {
        tickets.push_back(std::move(ticket));
        pids.push_back(backend_pid);
    }
    std::vector<cache::WriteTicket> tickets;
    std::vector<std::int32_t> pids;
};

// What every client of a test shares. Tables t and u, view v over t, sequence s, table child that references t with
// ON DELETE CASCADE; table r (id int4 primary key, email text unique, n int4).
class World {
public:
    World();

    UpstreamState upstream{4711};
    cache::Cache cache{cache::CacheLimits{}};
    rules::EnvironmentPool environments;
    KeptOutcomes outcomes;
    StatementMemo memo{1000, 1 << 20};
    Context context{.now = Instant{1'000'000},
                    .upstream = upstream,
                    .cache = cache,
                    .environments = environments,
                    .unknown_outcomes = outcomes,
                    .rules = std::make_shared<rules::UserRules>(),
                    .has_upstream_login = true,
                    .memo = &memo};

    DatabaseState& database() { return upstream.database("shop"); }
    bool publish_catalogue();   // valid for the counters' words of now
    std::uint64_t hits() const { return context.metrics.hits.value(); }
    std::uint64_t bypasses(rules::Reason reason) const { return context.metrics.bypasses[static_cast<std::size_t>(reason)].value(); }
};

class Client : public cache::FlightWaiter {
public:
    // Logs in at once; the session is ready and its environment known, unless `log_in` is false.
    explicit Client(World& world, bool log_in = true);
    ~Client() override;

    // Sends bytes from the client; split at every byte if split_bytes is set.
    Client& says(const std::string& bytes);
    // Sends bytes from the server.
    Client& server(const std::string& bytes);
    // What has come out since the last call.
    std::string got();
    std::string server_got();
    // The pooled modes: another session's connection comes.
    void lend(std::unique_ptr<ServerLink> link);
    template <class Call>
    void event(Call call) {
        Outputs out{to_client_, to_server_};
        call(out);
        settle();
    }
    // Answers the questions of Larder's own that are due: the lock query and the environment query.
    void answer_set_up(char status = 'I');

    void on_result(cache::ResultRef result) override { flights.emplace_back(std::move(result), false); }
    void on_no_result(bool leads) override { flights.emplace_back(cache::ResultRef{}, leads); }
    // Delivers what flights have called.
    void deliver_flights();

    World& world;
    std::unique_ptr<Session> session;
    bool split_bytes = false;
    std::string search_path = "{pg_catalog,public}", current_user = "app", isolation = "read committed", client_encoding = "UTF8", has_instance_lock = "t", login_triggers = "false";
    Needs needs;

private:
    void settle();
    OutputQueue to_client_, to_server_;
    std::string from_client_, from_server_, got_, server_got_;
    std::deque<std::pair<cache::ResultRef, bool>> flights;
};

}  // namespace larder::session::test
