// Many clients over real sessions and one model server, in one thread, driven by a seed: every byte of every connection is
// delivered when and as the seed says.
//
// One step is one action: a client says something, bytes arrive somewhere (whole or split), a backend does a little work,
// the catalogue loader or the asker about unknown outcomes goes on. Wires and backends stall now and then, connections are
// cut, and clients leave in the middle of a COMMIT. A broken promise throws a Violation that says what was seen.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "cache/cache.h"
#include "proxy/session/context.h"
#include "proxy/session/session.h"
#include "proxy/session/statement_memo.h"
#include "rules/session_env.h"
#include "simulation/client.h"
#include "simulation/model_server.h"
#include "simulation/model_shelf.h"

namespace larder::simulation {

// Writes whose connection ended, until their backend is gone.
class ModelOutcomes : public session::UnknownOutcomes {
public:
    void keep(cache::WriteTicket ticket, std::int32_t backend_pid) override;
    void settle(const ModelServer& server);
    std::size_t open() const { return kept_.size(); }
    std::uint64_t kept() const { return count_; }

private:
    std::vector<std::pair<cache::WriteTicket, std::int32_t>> kept_;
    std::uint64_t count_ = 0;
};

class Simulation;

// One client's place: its connection to Larder, Larder's session, and the connection to its backend. A client that left
// comes back on a new connection.
class Link : public cache::FlightWaiter {
public:
    Link(Simulation& simulation, int number);
    ~Link() override;

    // Does one of the things that can be done now, if the seed finds one.
    void act(bool is_ending);
    bool is_quiet() const;
    const Client& client() const { return client_; }

    void on_result(cache::ResultRef result) override { flights_.emplace_back(std::move(result), false); }
    void on_no_result(bool leads) override { flights_.emplace_back(cache::ResultRef{}, leads); }

private:
    enum class Action : std::uint8_t { talk, to_larder, to_server, work, from_server, to_client, flight, connect, cut, count_ };
    bool try_action(Action action, bool is_ending);
    void open();
    bool talk(bool is_ending);
    void feed_client();
    void feed_server();
    void pump();
    void drain();
    void follow_needs();
    bool answer_question();
    void cut_client();
    void cut_server();
    void close_backend_wire();
    std::size_t some_of(std::size_t bytes);

    Simulation& simulation_;
    Random& random_;
    Client client_;
    std::unique_ptr<session::Session> session_;
    Backend* backend_ = nullptr;
    bool wants_backend_ = false, is_closing_ = false, close_is_expected_ = false;
    std::string to_larder_, to_client_;      // on the wire
    std::string from_client_, from_server_;  // read by Larder and not consumed
    session::OutputQueue client_out_, server_out_;
    std::deque<std::pair<cache::ResultRef, bool>> flights_;
    struct Question {
        std::uint64_t number, hash;
        std::string key;
    };
    std::deque<Question> questions_;         // to the second level
    Step stalled_until_[static_cast<std::size_t>(Action::count_)] = {};
};

struct Outcome {
    std::uint64_t deferred = 0, made_real = 0;  // blocks whose BEGIN waited, and those of them that the server came to know of
    Step steps = 0;
    std::uint64_t reads = 0, hits = 0, joined = 0, unknown_outcomes = 0, loads = 0, far_hits = 0, far_stale = 0;  // far: from the second level
    std::string bypasses;                    // how many for which reason
    std::string violation;                   // empty: all promises were kept
};

class Simulation {
public:
    explicit Simulation(std::uint64_t seed);
    ~Simulation();

    // Runs `steps` steps, then until all is quiet, and looks at what must hold then. Throws a Violation.
    void run(Step steps);
    Outcome outcome() const;

private:
    friend class Link;
    void step(bool is_ending);
    void load_catalogue();
    void work_on_orphans();
    void check_end();
    bool is_quiet() const;

    Random random_;
    Habits habits_;
    Step now_ = 0;
    std::uint64_t next_value_ = 1000;
    ModelServer server_;
    session::UpstreamState upstream_{4711};
    cache::Cache cache_{cache::CacheLimits{}};
    rules::EnvironmentPool environments_;
    ModelOutcomes outcomes_;
    session::StatementMemo memo_{500, 1u << 20};
    ModelShelf shelf_{random_, upstream_.counters};
    session::Context context_;
    std::vector<std::unique_ptr<Link>> links_;

    // The catalogue loader: notes the words, loads some steps later, publishes some steps after that.
    enum class Loading : std::uint8_t { idle, noting, loading, publishing } loading_ = Loading::idle;
    Step loader_due_ = 0;
    std::uint64_t noted_server_ = 0, noted_catalogue_ = 0;
    ModelCatalogue loaded_;
    std::uint64_t loads_ = 0;
};

// Runs one seed to its end, or to its violation.
Outcome run_seed(std::uint64_t seed, Step steps);

}  // namespace larder::simulation
