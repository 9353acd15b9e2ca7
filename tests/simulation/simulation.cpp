#include "simulation/simulation.h"

#include "base/check.h"
#include "cache/write_ticket.h"
#include "rules/catalogue.h"

namespace larder::simulation {

namespace {

constexpr Oid kFirstOid = 101, kViewOid = 120, kKeyedOid = 130, kInt4 = 23, kInt8 = 20, kTriggerFunction = 20'001;

rules::FunctionRow volatile_function(Oid oid, std::string name) {
    rules::FunctionRow row{};
    row.oid = oid;
    row.schema = "public";
    row.name = std::move(name);
    row.volatility = 'v';
    return row;
}

rules::CatalogueRows rows_of(const ModelCatalogue& model) {
    rules::CatalogueRows rows;
    rows.database = "shop";
    rows.server_version_num = 150000;
    for (int table = 0; table < kTables; ++table) {
        rules::RelationRow row{};
        row.oid = kFirstOid + static_cast<Oid>(table);
        row.schema = "public";
        row.name = "t" + std::to_string(table);
        row.kind = rules::RelationKind::table;
        row.runs_code_on_update = table == kTriggerFrom && model.has_trigger;
        rows.relations.push_back(std::move(row));
    }
    rules::RelationRow view{};
    view.oid = kViewOid;
    view.schema = "public";
    view.name = "w";
    view.kind = rules::RelationKind::view;
    const std::string table = "t" + std::to_string(model.view_table);
    view.view_definition = "SELECT " + table + ".id, " + table + ".n FROM public." + table;
    rows.relations.push_back(std::move(view));
    rules::RelationRow keyed{};
    keyed.oid = kKeyedOid;
    keyed.schema = "public";
    keyed.name = "k";
    keyed.kind = rules::RelationKind::table;
    rows.relations.push_back(std::move(keyed));
    rows.columns = {{kKeyedOid, "id", kInt4}, {kKeyedOid, "code", kInt4}, {kKeyedOid, "n", kInt8}};
    rows.indexes = {{kKeyedOid, {"id"}, true}, {kKeyedOid, {"code"}, true}};
    if (model.has_key) rows.foreign_keys = {{kFirstOid + kKeyTo, kFirstOid + kKeyFrom, 'a', 'c'}};
    rows.functions = {volatile_function(kTriggerFunction, "f"), volatile_function(kTriggerFunction + 1, "bump"), volatile_function(kTriggerFunction + 2, "remake")};
    return rows;
}

}  // namespace

void ModelOutcomes::keep(cache::WriteTicket ticket, std::int32_t backend_pid) {
    kept_.emplace_back(std::move(ticket), backend_pid);
    ++count_;
}

void ModelOutcomes::settle(const ModelServer& server) {
    for (auto& [ticket, pid] : kept_) {
        if (!server.is_alive(pid)) ticket.end();
    }
    std::erase_if(kept_, [](const auto& kept) { return !kept.first.is_open(); });
}

Simulation::Simulation(std::uint64_t seed)
    : random_(seed), habits_(Habits::draw(random_)), server_(random_, now_),
      context_{.now = Instant{1'000'000},
               .upstream = upstream_,
               .cache = cache_,
               .environments = environments_,
               .unknown_outcomes = outcomes_,
               .rules = std::make_shared<rules::UserRules>(),
               .has_upstream_login = true,
               .deferred_begin = seed % 2 == 0,
               .memo = &memo_,
               .second_level = seed % 3 == 0 ? &shelf_ : nullptr} {
    upstream_.set_instance_number(42);
    upstream_.set_not_serving(rules::Reason::none);
    for (unsigned i = 0; i < habits_.clients; ++i) links_.push_back(std::make_unique<Link>(*this, static_cast<int>(i)));
}

Simulation::~Simulation() { links_.clear(); }

void Simulation::step(bool is_ending) {
    ++now_;
    context_.now = context_.now + std::chrono::microseconds(random_.below(500));
    if (context_.second_level != nullptr && random_.one_in(200)) shelf_.push_out(cache_);
    switch (random_.below(32)) {
        case 0: return work_on_orphans();
        case 1:
        case 2: return load_catalogue();
        case 3:
            if (random_.one_in(4)) outcomes_.settle(server_);
            if (random_.one_in(100)) cache_.sweep(context_.now);
            return;
        default: return links_[random_.below(links_.size())]->act(is_ending);
    }
}

// Backends whose connection is gone.
void Simulation::work_on_orphans() {
    for (const auto& backend : server_.backends()) {
        if (!backend->is_wire_closed || random_.one_in(2)) continue;
        if (!backend->wire.empty()) backend->deliver(1 + random_.below(backend->wire.size()));
        backend->step();
    }
    server_.forget_gone();
}

void Simulation::load_catalogue() {
    if (now_ < loader_due_) return;
    auto& database = upstream_.database("shop");
    loader_due_ = now_ + random_.below(random_.one_in(6) ? 200 : 10);
    switch (loading_) {
        case Loading::idle:
            if (database.facts_wanted() || database.facts() == nullptr) loading_ = Loading::noting;
            return;
        case Loading::noting:
            database.take_facts_wanted();
            noted_server_ = upstream_.counters.server.load();
            noted_catalogue_ = database.counters().catalogue.load();
            if (cache::Counter::is_in_flight(noted_server_) || cache::Counter::is_in_flight(noted_catalogue_)) {
                database.want_facts();
                loading_ = Loading::idle;
            } else {
                loading_ = Loading::loading;
                database.begin_load();
            }
            return;
        case Loading::loading:
            loaded_ = server_.catalogue();
            loading_ = Loading::publishing;
            return;
        case Loading::publishing: {
            auto facts = std::make_shared<session::CatalogueFacts>();
            facts->server_word = noted_server_;
            facts->catalogue_word = noted_catalogue_;
            facts->catalogue = rules::Catalogue::build(rows_of(loaded_));
            // Also if a word has moved meanwhile: facts are valid for their words alone.
            if (database.publish(std::move(facts))) ++loads_;
            else database.want_facts();
            loading_ = Loading::idle;
            return;
        }
    }
}

bool Simulation::is_quiet() const {
    for (const auto& link : links_) {
        if (!link->is_quiet()) return false;
    }
    return outcomes_.open() == 0 && !server_.has_transactions();
}

void Simulation::run(Step steps) {
    constexpr Step kEndMax = 400'000;  // far more than any lock timeout and stall together
    try {
        while (now_ < steps) step(false);
        const Step end = now_ + kEndMax;
        while (!is_quiet()) {
            if (now_ >= end) throw Violation("something waits for ever");
            step(true);
        }
    } catch (const BrokenInvariant& broken) {
        throw Violation(std::string("broken invariant: ") + broken.what());
    }
    check_end();
}

// Nothing is owed and nobody writes: nothing may be in flight.
void Simulation::check_end() {
    auto& counters = upstream_.database("shop").counters();
    if (counters.outstanding().count() != 0) throw Violation("a write is outstanding after all have ended");
    if (counters.outstanding().catalogue_debts() != 0) throw Violation("the catalogue is owed a mark after all writes have ended");
    if (cache::Counter::is_in_flight(counters.any.load()) || cache::Counter::is_in_flight(counters.catalogue.load()) ||
        cache::Counter::is_in_flight(upstream_.counters.server.load())) {
        throw Violation("a counter of the database is in flight after all writes have ended");
    }
    for (const auto& [oid, relation] : counters.relations()) {
        if (cache::Counter::is_in_flight(relation->scan.load())) throw Violation("a relation is in flight after all writes have ended");
        for (const auto& key : relation->keys) {
            if (cache::Counter::is_in_flight(key.all.load()) || cache::Counter::is_in_flight(key.absent.load())) throw Violation("a key is in flight after all writes have ended");
        }
    }
    for (std::uint64_t hash = 0; hash < cache::DatabaseCounters::kRowCounters; ++hash) {
        if (cache::Counter::is_in_flight(counters.row(hash).load())) throw Violation("a row is in flight after all writes have ended");
    }
}

Outcome Simulation::outcome() const {
    Outcome out;
    out.steps = now_;
    for (const auto& link : links_) out.reads += link->client().reads();
    out.hits = context_.metrics.hits.value();
    out.far_hits = context_.metrics.second_level_hits.value();
    out.far_stale = context_.metrics.second_level_stale.value();
    out.joined = context_.metrics.joined_flights.value();
    out.deferred = context_.metrics.deferred_begins.value();
    out.made_real = context_.metrics.deferred_begins_made_real.value();
    out.unknown_outcomes = outcomes_.kept();
    out.loads = loads_;
    for (std::size_t i = 0; i < context_.metrics.bypasses.size(); ++i) {
        if (const auto count = context_.metrics.bypasses[i].value(); count != 0) out.bypasses.append(rules::name(static_cast<rules::Reason>(i))).append(" ").append(std::to_string(count)).append(", ");
    }
    return out;
}

Outcome run_seed(std::uint64_t seed, Step steps) {
    Simulation simulation(seed);
    std::string violation;
    try {
        simulation.run(steps);
    } catch (const Violation& broken) {
        violation = broken.what();
    }
    auto out = simulation.outcome();
    out.violation = std::move(violation);
    return out;
}

}  // namespace larder::simulation
