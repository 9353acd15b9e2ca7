// Parse, Bind, Describe, Execute, Close and Sync, one by one; those that come as a whole batch are in read_flow.cpp.
#include "proxy/session/session_impl.h"

namespace larder::session {

void Session::Impl::on_parse(const protocol::Parse& parse, Bytes whole, Outputs& out) {
    auto entry = std::make_shared<Prepared>();
    entry->statement = context.memo->find(parse.text, is_lexing_safe());
    before_sending(entry->statement.get(), out);
    entry->types = parse.types.raw();
    entry->catalogue_word = catalogue_word();
    if (!entry->statement->is_ascii()) entry->parsed_under = env;
    if (pool != nullptr) {
        note_parsed(*entry);
        pool->has_named_statement |= !parse.statement.empty();
        // A name that another client gave on this connection is not taken; one that the session has is, wherever.
        if (!parse.statement.empty() && !pool->link->is_own) ensure_named(parse.statement, out);
    }
    Owed reply{.kind = Owed::Kind::parse};
    if (parse.statement.empty()) {
        reply.is_unnamed = true;
        reply.replaced = std::exchange(unnamed, std::move(entry));
        server_has_unnamed = true;
    } else if (!prepared.contains(parse.statement) && prepared.size() < context.limits.prepared_statements_max) {
        reply.name = parse.statement;  // undone if the server refuses it
        if (pool != nullptr && !pool->link->is_own) note_at_link(reply.name, *entry);
        prepared.emplace(reply.name, std::move(entry));
    } else if (pool != nullptr && !prepared.contains(parse.statement)) {
        pool->lasting.add(Pin::unknown_state);
    }  // else: the server will say that the name is taken
    send(out, whole, std::move(reply));
}

void Session::Impl::ensure_at_server(Bytes name, Outputs& out) {
    if (!name.empty()) {
        if (pool != nullptr && !pool->link->is_own) ensure_named(name, out);
        return;  // else only the unnamed statement is ever kept from the server
    }
    if (unnamed == nullptr) {
        if (server_has_unnamed) {
            // The session has dropped it by a Query that never reached the server.
            owed.push({.kind = Owed::Kind::close, .swallow = true});
            protocol::Close{protocol::Target::statement, {}}.append_to(out.server.text());
            server_has_unnamed = false;
        }
        return;
    }
    if (unnamed->at_server || unnamed->statement == nullptr) return;
    parse_again({}, *unnamed, false, out);
    unnamed->at_server = true;
    server_has_unnamed = true;
}

void Session::Impl::on_bind(const protocol::Bind& bind, Bytes whole, Outputs& out) {
    const auto source = prepared_named(bind.statement);
    Portal portal;
    if (source != nullptr) portal = {source->statement, nullptr, source->parsed_under};
    before_sending(portal.statement.get(), out);
    ensure_at_server(bind.statement, out);
    last_hit = {};
    if (portal.statement != nullptr && database != nullptr && plan_of(*portal.statement).writes_parameters)
        portal.parameters = std::make_shared<KeptParameters>(bind, source->types, env);
    // A portal whose statement is not known is executed as one that may do anything.
    if (portals.size() < context.limits.prepared_statements_max) portals[std::string(bind.portal)] = std::move(portal);
    else portals.erase(std::string(bind.portal));
    send(out, whole, {.kind = Owed::Kind::bind});
}

void Session::Impl::on_execute(const protocol::Execute& execute, Bytes whole, Outputs& out) {
    count_statement();
    if (last_hit && execute.portal.empty() && owed.empty()) {
        // The portal of a read that was answered from the cache: it is at its end.
        protocol::CommandComplete{"SELECT 0"}.append_to(out.client.text());
        return;
    }
    const auto found = portals.find(execute.portal);
    const auto portal = found == portals.end() ? Portal{} : found->second;
    const auto& statement = portal.statement;
    if (statement != nullptr) {
        const auto& plan = plan_of(*statement).plan;
        if (statement->looks_cacheable()) count_bypass(plan.reason == rules::Reason::none ? rules::Reason::protocol_shape : plan.reason, out);
    }
    sending_statement(statement, out, &portal);
    Owed entry{.kind = Owed::Kind::execute};
    if (statement != nullptr) begin_execution(entry, statement, plan_of(*statement), nullptr, {}, out);
    if (entry.execution) entry.execution->sample.reset(), entry.execution->values_hash = 0;  // its parameters are not at hand any more
    send(out, whole, std::move(entry));
}

void Session::Impl::on_describe(const protocol::Describe& describe, Bytes whole, Outputs& out) {
    before_sending(nullptr, out);
    if (describe.target == protocol::Target::statement) {
        ensure_at_server(describe.name, out);
        return send(out, whole, {.kind = Owed::Kind::describe_statement, .description = description_of(describe.name)});
    }
    if (last_hit && describe.name.empty() && last_hit->has_row_description() && owed.empty()) {
        out.client.append_result(last_hit, last_hit->row_description());
        return;
    }
    send(out, whole, {.kind = Owed::Kind::describe_portal});
}

// What the server will say of this statement is worth keeping if it may be served later.
std::unique_ptr<DescriptionCapture> Session::Impl::description_of(Bytes name) {
    auto source = unnamed;
    if (!name.empty()) {
        const auto found = prepared.find(name);
        source = found == prepared.end() ? nullptr : found->second;
    }
    if (source == nullptr || source->statement == nullptr || env == nullptr || !source->statement->looks_cacheable()) return nullptr;
    const auto& resolved = plan_of(*source->statement);
    if (resolved.facts == nullptr || resolved.plan.reason != rules::Reason::none || source->catalogue_word != resolved.facts->catalogue_word) return nullptr;
    return std::make_unique<DescriptionCapture>(DescriptionCapture{source->statement, resolved.facts, resolved.env, source->types, {}});
}

void Session::Impl::on_close(const protocol::Close& close, Bytes whole, Outputs& out) {
    before_sending(nullptr, out);
    if (close.target == protocol::Target::portal) {
        portals.erase(std::string(close.name));
        last_hit = {};
    } else if (close.name.empty()) {
        unnamed.reset();
        server_has_unnamed = false;
    } else {
        Owed reply{.kind = Owed::Kind::close};
        if (pool != nullptr) note_closed(close.name, reply);
        prepared.erase(std::string(close.name));
        return send(out, whole, std::move(reply));
    }
    send(out, whole, {.kind = Owed::Kind::close});
}

void Session::Impl::on_sync(Bytes whole, Outputs& out) {
    if (!is_skipping) ask_before_sync(out);
    is_skipping = batch_wrote = batch_may_copy = false;
    send(out, whole, {.kind = Owed::Kind::sync});
}

}  // namespace larder::session
