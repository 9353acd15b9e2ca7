// A read that may be answered from the cache: when to look, when to wait for another's flight, when to fetch and keep.
// The rules are those of docs/freshness.md; each condition here is one of them.
#include <algorithm>

#include "base/check.h"
#include "base/planted_fault.h"
#include "proxy/session/session_impl.h"
#include "protocol/error.h"
#include "rules/statement_code.h"

namespace larder::session {

namespace {

bool is_data_change(sql::Kind kind) {
    return kind == sql::Kind::insert || kind == sql::Kind::update || kind == sql::Kind::delete_ || kind == sql::Kind::merge || kind == sql::Kind::copy_from;
}

// Programs repeat few statements.
bool is_among_last(const std::vector<std::shared_ptr<Unjudged>>& list, const Unjudged& statement) {
    constexpr std::ptrdiff_t kLookedAt = 32;
    const auto first = list.end() - std::min<std::ptrdiff_t>(kLookedAt, std::ssize(list));
    return std::any_of(first, list.end(), [&](const auto& other) { return other->facts == statement.facts && other->env == statement.env; });
}

std::string age_text(std::chrono::microseconds age) {
    if (age.count() < 10'000'000) return std::to_string(age.count() / 1'000) + " ms";
    return std::to_string(age.count() / 1'000'000) + " s";
}

}  // namespace

const ResolvedPlan& Session::Impl::plan_of(Statement& statement) {
    if (catalogue_facts == nullptr || !unjudged.empty() || !database->are_valid(*catalogue_facts)) refresh_facts();
    // A role, or the server's configuration, changed since this session's environment was read.
    if (env != nullptr && env_server_word != database->server().server.load()) env.reset();
    return statement.plan(*database, catalogue_facts, env, context.rules);
}

void Session::Impl::refresh_facts() {
    if (catalogue_facts == nullptr || !database->are_valid(*catalogue_facts)) {
        catalogue_facts = database->facts(&facts_generation);
        if (catalogue_facts != nullptr && !database->are_valid(*catalogue_facts)) catalogue_facts.reset();
        if (catalogue_facts == nullptr && context.has_upstream_login) database->want_facts();
    }
    if (is_planted(PlantedFault::read_facts_unchecked)) catalogue_facts = database->facts(&facts_generation);
    if (catalogue_facts != nullptr && !unjudged.empty()) judge();
}

// Facts have come: what did the statements that were sent without them do to this session?
void Session::Impl::judge() {
    if (too_many_unjudged) {
        env.reset();
        block.changed_environment = lock_may_be_gone = true;
        sending_leftovers(nullptr, nullptr);
        too_many_unjudged = false;
    }
    for (const auto& statement : unjudged) {
        const auto plan = rules::make_plan({*statement->facts, statement->text, 0, catalogue_facts->catalogue.get(), statement->env.get(), *context.rules});
        if (plan.changes_environment) env.reset();
        if (plan.changes_environment || plan.changes_environment_locally) block.changed_environment = true;
        if (plan.may_release_locks) lock_may_be_gone = true;
        if (plan.runs_unknown_code) sending_leftovers(nullptr, nullptr);
    }
    unjudged.clear();
}

// Before a statement is sent: if only facts could judge it and there are none, it is registered for them. False: it has to
// count as code that is not understood.
bool Session::Impl::register_unjudged(const std::shared_ptr<Statement>& statement) {
    constexpr std::size_t kUnjudgedMax = 1000;
    for (int attempt = 0; attempt < 3; ++attempt) {
        if (!plan_of(*statement).is_unjudged) return true;
        if (unended.size() >= kUnjudgedMax) break;
        auto entry = std::make_shared<Unjudged>();
        entry->facts = std::shared_ptr<const sql::TextFacts>(statement, &statement->facts());
        entry->text = statement->text();
        entry->env = env;
        switch (database->add_unjudged(entry, facts_generation)) {
            case Registered::yes:
                unended.push_back(entry);
                // What is not remembered is taken for the worst when facts come. It must not count as DDL: then they would never come.
                if (is_among_last(unjudged, *entry)) return true;
                if (unjudged.size() < kUnjudgedMax) unjudged.push_back(std::move(entry));
                else too_many_unjudged = true;
                return true;
            case Registered::facts_are_new: catalogue_facts.reset(); continue;
            case Registered::too_many: return false;
        }
    }
    return false;
}

// The transaction is over: whatever these statements did is part of the catalogue that is read from now on.
void Session::Impl::end_unjudged() {
    for (const auto& statement : unended) statement->ended.store(true, std::memory_order_release);
    unended.clear();
}

// Why this session may not be served right now, whatever the statement is.
rules::Reason Session::Impl::obstacle() const {
    using rules::Reason;
    if (const auto reason = context.upstream.not_serving(); reason != Reason::none) return reason;
    if (!own.values().cache) return Reason::session_off;
    if (login.is_replication) return Reason::replication;
    if (!owed.empty() || batch_is_open || copy_in) return Reason::pipelined;
    if (server_is_replica) return Reason::replica;
    if (verified_number == 0 || verified_number != context.upstream.instance_number()) return Reason::settings_unknown;
    if (status == 'E') return Reason::transaction_failed;
    if (status == 'I') return env->is_default_isolation_serializable() ? Reason::isolation : Reason::none;
    if (writes.has_written() && !is_planted(PlantedFault::written_block_served)) return Reason::transaction_wrote;
    if (!block.is_understood || block.is_opaque) return Reason::isolation;
    switch (block.isolation) {
        case sql::Isolation::unspecified: return env->is_default_isolation_servable() ? Reason::none : Reason::isolation;
        case sql::Isolation::read_uncommitted:
        case sql::Isolation::read_committed: return Reason::none;
        case sql::Isolation::repeatable_read:
        case sql::Isolation::serializable: return Reason::isolation;
    }
    return Reason::isolation;
}

// True: the statement's plan would be better with the session's environment (or its connection verified), and this is a
// moment at which it can be read back: the statement itself is a query, so one more before it changes nothing.
bool Session::Impl::wants_environment(const Statement& statement, const ResolvedPlan& resolved) const {
    using rules::Reason;
    if (!may_ask_for_environment()) return false;
    if (!statement.looks_cacheable()) return resolved.env == nullptr && resolved.plan.writes.any && is_data_change(statement.kind());
    if (!own.values().cache) return false;
    if (status == 'T' && (writes.has_written() || !block.is_understood || block.is_opaque || block.isolation >= sql::Isolation::repeatable_read)) return false;
    // Without facts it matters as well: only a statement whose environment is known can be left unjudged.
    return is_environment_due(resolved.env == nullptr && (resolved.plan.reason == Reason::settings_unknown || resolved.plan.reason == Reason::no_catalogue || resolved.plan.reason == Reason::none));
}

bool Session::Impl::may_ask_for_environment() const {
    if (environment_failed || !context.has_upstream_login || login.is_replication || server_is_replica) return false;
    return context.upstream.not_serving() == rules::Reason::none && owed.empty() && !batch_is_open && !copy_in && status != 'E';
}

// Of a moment at which it may be asked for; or the connection has to be verified, which is the same question.
bool Session::Impl::is_environment_due(bool is_unknown) const {
    const auto number = context.upstream.instance_number();
    // A connection that failed its verification is asked again only under a new number.
    return verified_number != number ? number != 0 && asked_number != number : is_unknown;
}

// True: paused until the environment is read back, or is known to be out of reach; then the message is given again.
bool Session::Impl::pauses_for_environment(bool wants, Outputs& out) {
    if (!wants || needs_server(true)) return wants;
    send_set_up(out);
    pause = Pause::environment;
    return true;
}

// While the message in hand waited, its question failed the block, or it was cancelled: that is its answer.
bool Session::Impl::answered_in_its_stead(Outputs& out) {
    if (!cancelled && environment_error.empty()) return false;
    if (cancelled) protocol::append_error(out.client.text(), {protocol::severity::kError, protocol::sqlstate::kQueryCanceled, "canceling statement due to user request"});
    else out.client.append(environment_error);
    if (deferred.is_active) status = 'E';  // as the block would be that the server does not know of
    out.client.append(protocol::ready_for_query(status));
    environment_error.clear();
    environment_failed = cancelled = false;
    leave_flight();
    return true;
}

// How long an answer is kept at most.
std::int64_t Session::Impl::ttl_us(const rules::Plan& plan) const {
    const auto own_ttl = std::chrono::microseconds(plan.ttl).count();
    const auto bound = context.upstream.ttl_us_max(!plan.reads_unlogged);
    return bound != 0 ? std::min(own_ttl, std::max<std::int64_t>(bound, std::chrono::microseconds(plan.max_stale).count())) : own_ttl;
}

// How old an answer this session takes. The plan's own bounds count here too: the answer may have been kept under other rules.
cache::ReadBounds Session::Impl::bounds_of(const rules::Plan& plan) const {
    const std::chrono::microseconds ttl(plan.ttl), bound(context.upstream.ttl_us_max(!plan.reads_unlogged));
    cache::ReadBounds bounds;
    bounds.max_age = std::min(own.values().max_age, ttl);
    bounds.max_stale = std::min<std::chrono::microseconds>(bounds.max_age, plan.max_stale);
    bounds.not_before = last_write_ended;
    if (bound.count() != 0) bounds.max_age = std::min(bounds.max_age, bound);
    return bounds;
}

// What this read depends on, as it is now. An empty note: it must not be kept.
ReadNote Session::Impl::note_read(const ResolvedPlan& resolved, const protocol::Bind* bind, Bytes types) {
    ReadNote out;
    const auto* counters = &resolved.reads;
    if (!resolved.row_reads.empty()) {
        std::vector<rules::Parameter> parameters;
        if (bind != nullptr) parameters = parameters_of(*bind, types);
        read_set.counters = resolved.reads;
        read_set.absent.clear();
        read_set.proving_rows = 0;
        for (const auto& read : resolved.row_reads) add_row_read(read_set, *database, read, parameters);
        counters = &read_set.counters;
    }
    // What is in flight already makes the answer old from the start; some readers take it all the same.
    out.max_stale = std::min(resolved.plan.max_stale, resolved.plan.ttl);
    out.needs_proof = !cache::take_note(*counters, out.note);
    if (out.needs_proof && out.max_stale.count() == 0) return {};
    out.required = out.note.size();
    if (resolved.row_reads.empty()) return out;
    out.proving_rows = read_set.proving_rows;
    for (const auto* counter : read_set.absent) {
        out.note.push_back({counter, counter->load()});
        out.needs_proof |= cache::Counter::is_in_flight(out.note.back().word);
    }
    return out;
}

// What another session's flight has brought, if it will do.
cache::ResultRef Session::Impl::landed_for(const Flight& ended, bool needs_row_description) {
    if (ended.state != Flight::State::landed || (needs_row_description && !ended.result->has_row_description())) return {};
    context.metrics.joined_flights.add();
    return ended.result;
}

Session::Impl::ReadStep Session::Impl::decide_read(const ResolvedPlan& resolved, bool needs_row_description, const protocol::Bind* bind, Bytes types,
                                                   cache::ResultRef& result, std::unique_ptr<Capture>& capture, Outputs& out) {
    const bool is_by_barrier = wants_barrier(resolved.plan);
    if (is_by_barrier) {
        if (const auto step = bypasses_barrier(resolved.plan, out)) return *step;
    }
    waits_for_nobody = is_by_barrier && barrier != Barrier::passed && context.second_level != nullptr;
    Flight taken_flight;
    if (flight.state != Flight::State::none) taken_flight = std::exchange(flight, {});
    const bool is_for_this_key = taken_flight.state != Flight::State::none && taken_flight.key == key;
    if (taken_flight.state == Flight::State::leads && !is_for_this_key) context.cache.fail({taken_flight.key, taken_flight.hash}, true);
    if (is_for_this_key && (result = landed_for(taken_flight, needs_row_description))) return ReadStep::hit;
    const cache::KeyView view{key, is_for_this_key ? taken_flight.hash : cache::hash_key(key)};
    if (!is_for_this_key) {
        auto bounds = bounds_of(resolved.plan);
        if (is_by_barrier) bounds.max_stale = {};
        auto found = context.cache.find(view, context.now, bounds, needs_row_description);
        // A fetch that somebody else begins from now on is as new as the request.
        if (is_by_barrier && barrier != Barrier::passed && (found.result || context.cache.is_under_way(view) || may_be_in_second_level(view))) return await_barrier();
        result = std::move(found.result);
        if (found.is_stale) context.metrics.stale_hits.add();
        if (result) return ReadStep::hit;
        if (asks_second_level(resolved, view, bind, types)) return ReadStep::pause;
    }
    const bool was_handed_the_lead = is_for_this_key && taken_flight.state == Flight::State::leads;
    if (is_for_this_key && (result = take_second_level(resolved, view, needs_row_description, was_handed_the_lead, out))) return ReadStep::hit;
    if (pool != nullptr && !has_server) {
        if (is_for_this_key) flight = std::move(taken_flight);
        else if (joins_without_server(resolved, view)) return ReadStep::pause;
        needs_server(true);
        return ReadStep::pause;
    }
    context.metrics.misses.add();
    const auto lifetime_us = ttl_us(resolved.plan);
    auto read_note = note_read(resolved, bind, types);
    const auto& note = read_note.note;
    const bool is_noted = !note.empty();
    // The facts that say what this read depends on must be true of the version that was noted.
    const bool facts_hold = !is_noted || is_planted(PlantedFault::read_facts_unchecked) || (note[0].word == resolved.facts->server_word && note[1].word == resolved.facts->catalogue_word);
    if (!is_noted || !facts_hold || lifetime_us <= 0) {
        if (was_handed_the_lead) context.cache.fail(view, true);
        count_bypass(!is_noted ? rules::Reason::in_flight : !facts_hold ? rules::Reason::no_catalogue : rules::Reason::hint_off, out);
        return ReadStep::fetch;
    }
    bool leads = was_handed_the_lead;
    // Whose answer must first prove itself, others do not wait for.
    static const cache::Note kRefused;
    const auto& joinable = read_note.needs_proof ? kRefused : note;
    if (was_handed_the_lead) {
        context.cache.lead(view, joinable);
    } else if ((status == 'I' || deferred.is_active) && taken_flight.state == Flight::State::none) {
        const auto is_leader = leads_fetch(view, joinable);
        if (!is_leader) return ReadStep::pause;
        leads = *is_leader;
    }
    if (own.values().trace) trace(out, "miss, " + std::string(leads ? "fetched and kept" : "fetched"));
    capture = std::make_unique<Capture>(context, key, view.hash, std::move(read_note), lifetime_us, leads);
    return ReadStep::fetch;
}

// Whether others may wait for what this session is about to fetch. Nothing: it waits for another one's.
// A block may hold locks that the leader waits for, so it never waits for a leader, unless the server does not know of it; and whoever leads
// may be waiting for a shared server connection, so that who cannot give his back does not wait for him.
std::optional<bool> Session::Impl::leads_fetch(const cache::KeyView& view, const cache::Note& note) {
    const auto joined = context.cache.join(view, note, joiner());
    if (joined != cache::Join::waits) return joined == cache::Join::leads;
    flight = {Flight::State::waiting, key, view.hash, {}};
    pause = Pause::flight;
    spare_server();
    if (pool == nullptr || pool->mode == PoolMode::session || !has_server || !leave_flight()) return std::nullopt;
    pause = Pause::none;
    return false;
}

// A miss, and no server connection at hand. True: another session is asking already, and its answer is waited for. Else the
// lead may be this one's, and is kept while it waits for a connection.
bool Session::Impl::joins_without_server(const ResolvedPlan& resolved, const cache::KeyView& view) {
    // In mode session those who wait for a leader hold their connections, so nobody leads without one.
    if (pool->mode == PoolMode::session) return false;
    cache::Note note;
    if (!cache::take_note(resolved.reads, note) || ttl_us(resolved.plan) <= 0) return false;
    if (note[0].word != resolved.facts->server_word || note[1].word != resolved.facts->catalogue_word) return false;
    const auto joined = context.cache.join(view, note, joiner());
    flight.state = joined == cache::Join::leads ? Flight::State::leads : joined == cache::Join::alone ? Flight::State::alone : Flight::State::waiting;
    flight.key = key;
    flight.hash = view.hash;
    if (joined != cache::Join::waits) return false;
    pause = Pause::flight;
    return true;
}

// The cache is looked into while an answer is owed; the order of the answers is kept all the same.
bool Session::Impl::looks_up_early(const Statement& statement, const ResolvedPlan& resolved) {
    if (owed.empty() || !statement.looks_cacheable() || resolved.plan.reason != rules::Reason::none || flight.state != Flight::State::none) return false;
    make_key(key, env->id, statement.text());
    const auto hash = cache::hash_key(key);
    auto found = context.cache.find({key, hash}, context.now, bounds_of(resolved.plan), true);
    if (!found.result) return false;
    flight = {Flight::State::landed, key, hash, std::move(found.result)};
    pause = Pause::owed;
    return true;
}

void Session::Impl::served(const cache::ResultRef& result, Outputs& out) {
    context.metrics.hits.add();
    context.metrics.saved_server_us.add(static_cast<std::uint64_t>(result->cost().server_us));
    context.metrics.hit_bytes.add(result->rows_and_complete().size());
    if (status == 'T') block.had_hit = true;
    else note_transaction();
    if (deferred.is_active) deferred.idle_since = context.now;
    if (own.values().trace) trace_hit(*result, out);
}

void Session::Impl::trace_hit(const cache::CachedResult& result, Outputs& out) {
    std::string text = "hit, stored " + age_text(context.now - result.stored()) + " ago, saved " + std::to_string(result.cost().server_us) + " us of server time";
    if (!result.is_fresh()) text += "; a write has made it old since, within its max_stale";
    if (barrier == Barrier::passed) text += "; barrier waited " + std::to_string(barrier_waited.count() / 1'000) + '.' + std::to_string(barrier_waited.count() / 100 % 10) + " ms";
    trace(out, text);
}

// The statement that a batch is about: made by its own Parse, or one that the session has.
std::shared_ptr<Prepared> Session::Impl::source_of(const Batch& batch) {
    if (!batch.parse) {
        if (batch.bind.statement.empty()) return unnamed;
        const auto found = prepared.find(batch.bind.statement);
        return found == prepared.end() ? nullptr : found->second;
    }
    auto fresh = std::make_shared<Prepared>();
    fresh->statement = context.memo->find(batch.parse->text, is_lexing_safe());
    fresh->types = batch.parse->types.raw();
    fresh->catalogue_word = catalogue_word();
    if (!fresh->statement->is_ascii()) fresh->parsed_under = env;
    fresh->at_server = false;
    if (pool != nullptr) note_parsed(*fresh);
    return fresh;
}

// Why this batch may not be served, though its statement may be kept.
rules::Reason Session::Impl::batch_obstacle(const Batch& batch, const Prepared& source, const ResolvedPlan& resolved) const {
    using rules::Reason;
    if (const auto reason = obstacle(); reason != Reason::none) return reason;
    // A named portal lives on in a block, and a named statement has to exist at the server.
    if (status == 'T' && !batch.bind.portal.empty() && !batch.closes_portal) return Reason::protocol_shape;
    if (batch.is_named_parse()) return Reason::protocol_shape;
    if (batch.describes_statement && Statement::description(resolved, source.types) == nullptr) return Reason::protocol_shape;
    // The server may refuse the plan that it made before DDL, and must be given the chance.
    if (source.catalogue_word != resolved.facts->catalogue_word) return Reason::old_statement;
    if (!is_encoded_alike(*source.statement, source.parsed_under)) return Reason::old_statement;
    return parameters_obstacle(source.types, batch.bind);
}

void Session::Impl::serve_batch(const Batch& batch, const std::shared_ptr<Prepared>& source, const ResolvedPlan& resolved, cache::ResultRef hit, Outputs& out) {
    served(hit, out);
    count_hit(*source->statement, resolved, *hit, out);
    auto& to = out.client;
    if (batch.parse) {
        to.append(protocol::kParseComplete);
        if (batch.describes_statement) to.append(*Statement::description(resolved, source->types));
        unnamed = source;
    }
    to.append(protocol::kBindComplete);
    if (batch.describes_portal) to.append_result(hit, hit->row_description());
    to.append_result(hit, hit->rows_and_complete());
    if (batch.closes_portal) to.append(protocol::kCloseComplete);
    to.append(protocol::ready_for_query(status));
    if (status == 'T' && !batch.closes_portal) last_hit = std::move(hit);
}

// A whole batch of the servable shape. False: paused, it has to be given again.
bool Session::Impl::on_batch(const Batch& batch, Bytes frames, Outputs& out) {
    count_statement();
    auto source = source_of(batch);
    Statement* statement = source == nullptr ? nullptr : source->statement.get();
    std::unique_ptr<Capture> capture;
    if (statement != nullptr && statement->command().kind != LarderCommand::Kind::none && status != 'E') {
        if (!owed.empty()) {
            pause = Pause::owed;
            return false;
        }
        if (pauses_for_environment(wants_environment_to_explain(statement->command()), out)) return false;
        if (answered_in_its_stead(out)) return true;
        if (batch.parse && !batch.is_named_parse()) unnamed = source;
        run_own_command(statement->command(), false, &batch, out);
        return true;
    }
    if (statement != nullptr && is_answered_here(*statement) && answer_batch_here(batch, source, out)) return true;
    const ResolvedPlan* plan = statement == nullptr ? nullptr : &plan_of(*statement);
    if (pauses_for_environment(statement != nullptr && wants_environment(*statement, *plan), out)) return false;
    if (answered_in_its_stead(out)) return true;
    if (statement != nullptr && statement->looks_cacheable()) {
        const auto& resolved = *plan;
        const auto reason = resolved.plan.reason != rules::Reason::none ? resolved.plan.reason : batch_obstacle(batch, *source, resolved);
        if (reason != rules::Reason::none) {
            count_bypass(reason, out);
        } else {
            make_key(key, env->id, statement->text(), source->types, batch.bind);
            cache::ResultRef hit;
            switch (decide_read(resolved, batch.describes_portal, &batch.bind, source->types, hit, capture, out)) {
                case ReadStep::pause: return false;
                case ReadStep::fetch: break;
                case ReadStep::hit: return serve_batch(batch, source, resolved, std::move(hit), out), true;
            }
        }
    }
    if (needs_server(true)) return false;
    environment_failed = false;
    leave_flight();
    make_block_real(statement, out);
    send_batch(batch, frames, std::move(capture), batch.parse ? nullptr : std::move(source), out);
    return true;
}

// Parameters whose input depends on more than their bytes.
rules::Reason Session::Impl::parameters_obstacle(Bytes types, const protocol::Bind& bind) {
    constexpr Oid kFirstUserOid = 16384, kTimetz = 1266, kTimetzArray = 1270;
    for (std::size_t at = 0; at + 4 <= types.size(); at += 4) {
        const Oid type = load_be32(types.data() + at);
        if (type >= kFirstUserOid) return rules::Reason::user_type;        // a domain's checks run at Bind
        if (type == kTimetz || type == kTimetzArray) return rules::Reason::time_dependent;  // today's offset is added
    }
    for (const auto& value : bind.values) {
        if (value && rules::names_present_time(*value)) return rules::Reason::time_dependent;
    }
    return rules::Reason::none;
}

std::uint64_t Session::Impl::catalogue_word() const { return database == nullptr ? 0 : database->counters().catalogue.load(); }

// Forwards the frames of a batch one by one; the answer of its Execute goes to `capture`.
void Session::Impl::send_batch(const Batch& batch, Bytes frames, std::unique_ptr<Capture> capture, std::shared_ptr<Prepared> source, Outputs& out) {
    while (!frames.empty()) {
        const auto header = protocol::peek_header(frames);
        const auto total = static_cast<std::size_t>(header->total_bytes);
        const protocol::Frame frame{header->type, frames.substr(protocol::kHeaderBytes, total - protocol::kHeaderBytes), frames.substr(0, total)};
        frames.remove_prefix(total);
        switch (frame.type) {
            case protocol::Parse::kType: on_parse(*batch.parse, frame.whole, out); break;
            case protocol::Bind::kType: on_bind(batch.bind, frame.whole, out); break;
            case protocol::Execute::kType: {
                const Portal portal = portals[std::string(batch.bind.portal)];
                sending_statement(portal.statement, out, &portal);
                const Bytes types = source != nullptr ? Bytes(source->types) : unnamed != nullptr ? Bytes(unnamed->types) : Bytes();
                Owed entry{.kind = Owed::Kind::execute, .executed = std::move(source), .catalogue_word = catalogue_word(), .capture = std::move(capture)};
                if (portal.statement != nullptr) begin_execution(entry, portal.statement, plan_of(*portal.statement), &batch.bind, types, out);
                send(out, frame.whole, std::move(entry));
                break;
            }
            case protocol::Describe::kType:
                if (frame.body.starts_with('S')) on_describe({protocol::Target::statement, batch.bind.statement}, frame.whole, out);
                else send(out, frame.whole, {.kind = Owed::Kind::describe_portal});
                break;
            case protocol::Close::kType:
                portals.erase(std::string(batch.bind.portal));
                send(out, frame.whole, {.kind = Owed::Kind::close});
                break;
            default: on_sync(frame.whole, out); break;
        }
    }
}

}  // namespace larder::session
