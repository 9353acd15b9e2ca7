#include "proxy/cancel_registry.h"

#include <set>

#include <catch2/catch.hpp>

#include "proxy/worker.h"

using namespace larder;
using namespace larder::proxy;

namespace {

struct World {
    Shared shared{config::Config{}, 1, {}};
    struct NoOutcomes final : session::UnknownOutcomes {
        void keep(cache::WriteTicket ticket, std::int32_t) override { ticket.end(); }
    } outcomes;
    std::unique_ptr<Worker> worker;
    CancelRegistry registry;

    World() {
        shared.unknown_outcomes = &outcomes;
        worker = std::make_unique<Worker>(shared, 0);  // never started: only its name is needed
    }
    CancelRegistry::Target find(std::int32_t pid, Bytes secret) {
        const auto key = protocol::CancelKey::make(pid, secret);
        return key ? registry.find(*key) : CancelRegistry::Target{};
    }
};

}  // namespace

TEST_CASE("a key finds its session, by either of its secrets") {
    World w;
    const IssuedKey issued = w.registry.issue(*w.worker, 77);
    CHECK(issued.key.pid > 0);
    CHECK(issued.key.secret().size() == 4);
    CHECK(issued.secret_long.size() == 32);
    for (const Bytes secret : {issued.key.secret(), Bytes(issued.secret_long)}) {
        const auto target = w.find(issued.key.pid, secret);
        CHECK(target.worker == w.worker.get());
        CHECK(target.connection == 77);
    }
}

TEST_CASE("anything else finds nothing") {
    World w;
    const IssuedKey issued = w.registry.issue(*w.worker, 1);
    const std::string secret(issued.key.secret());
    std::string wrong = secret;
    wrong.back() = static_cast<char>(wrong.back() ^ 1);
    CHECK(w.find(issued.key.pid, wrong).worker == nullptr);
    CHECK(w.find(issued.key.pid, secret + '\0').worker == nullptr);
    CHECK(w.find(issued.key.pid, secret.substr(0, 3)).worker == nullptr);
    CHECK(w.find(issued.key.pid, issued.secret_long.substr(0, 4)).worker == nullptr);
    CHECK(w.find(issued.key.pid, issued.secret_long.substr(0, 31)).worker == nullptr);
    CHECK(w.find(issued.key.pid ^ 1, secret).worker == nullptr);
    w.registry.forget(issued.key.pid);
    CHECK(w.find(issued.key.pid, secret).worker == nullptr);
    w.registry.forget(issued.key.pid);  // again: nothing happens
}

TEST_CASE("keys differ, and forgetting one leaves the others") {
    World w;
    std::set<std::int32_t> pids;
    std::set<std::string> secrets;
    std::vector<IssuedKey> all;
    for (std::uint64_t id = 0; id < 1000; ++id) {
        all.push_back(w.registry.issue(*w.worker, id));
        pids.insert(all.back().key.pid);
        secrets.insert(all.back().secret_long);
    }
    CHECK(pids.size() == 1000);
    CHECK(secrets.size() == 1000);
    w.registry.forget(all[500].key.pid);
    CHECK(w.find(all[499].key.pid, all[499].key.secret()).connection == 499);
    CHECK(w.find(all[501].key.pid, all[501].key.secret()).connection == 501);
    CHECK(w.find(all[500].key.pid, all[500].key.secret()).worker == nullptr);
}
