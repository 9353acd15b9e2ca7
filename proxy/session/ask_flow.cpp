// Which transaction of the server a write belongs to: asked for right before it ends, so that the change feed knows its commit for one
// whose writes were marked here (own_transactions.h). Only where a question costs no round trip and changes nothing: before the Sync of a batch that
// changes rows, and before the COMMIT of a block. A Query that writes outside of a block is sent as such a batch, so that it can be asked for
// as well. What cannot be asked for is marked twice.
#include <charconv>

#include "proxy/session/session_impl.h"
#include "protocol/byte_writer.h"
#include "protocol/error.h"

namespace larder::session {
namespace {

// pg_current_xact_id_if_assigned(), in every version that has it (13 and later).
constexpr Oid kFunction = 5060;
constexpr Bytes kText = "SELECT pg_catalog.pg_current_xact_id_if_assigned()";

// What can stand before a question in one batch. A COPY eats what comes before its data.
bool can_be_asked_behind(sql::Kind kind) {
    return kind == sql::Kind::insert || kind == sql::Kind::update || kind == sql::Kind::delete_ || kind == sql::Kind::merge || kind == sql::Kind::select;
}

}  // namespace

void Session::Impl::note_for_ask(const Statement& statement, const ResolvedPlan& resolved, bool is_extended) {
    if (!is_extended) return;
    batch_wrote |= !resolved.writes.empty();
    batch_may_copy |= !can_be_asked_behind(statement.kind());
}

// Null: it would be of no use, or whoever asks may not call the function.
std::unique_ptr<OwnTransactions::Ask> Session::Impl::begin_ask() const {
    const auto word = writes.planned_under();
    if (!word || database == nullptr || !database->may_ask_for_transaction()) return nullptr;
    return context.upstream.own_transactions.begin({database, *word}, context.now);
}

// The block's end is about to be sent. A prepared transaction is ended by somebody else, at another time: it is not asked for.
void Session::Impl::ask_before_commit(const Statement* statement, Outputs& out) {
    if (statement == nullptr || statement->kind() != sql::Kind::commit || !context.upstream.own_transactions.are_wanted()) return;
    if (status != 'T' || !owed.empty() || !writes.has_written() || login.is_replication) return;
    auto ask = begin_ask();
    if (ask == nullptr) return;
    protocol::append_function_call(out.server.text(), kFunction, {}, {}, 0);
    owed.push({.kind = Owed::Kind::function_call, .swallow = true, .question = Question::transaction, .ask = std::move(ask)});
}

// The Sync that commits what the batch wrote.
void Session::Impl::ask_before_sync(Outputs& out) {
    if (!batch_wrote || batch_may_copy || batch_controls_transaction || copy_in || !context.upstream.own_transactions.are_wanted()) return;
    if (status != 'I' || owed.ready_owed() != 0 || !writes.has_written()) return;
    if (auto ask = begin_ask()) append_ask(std::move(ask), out);
}

void Session::Impl::append_ask(std::unique_ptr<OwnTransactions::Ask> ask, Outputs& out) {
    constexpr Bytes kName = "larder's own";
    auto& to = out.server.text();
    protocol::append_parse(to, kName, kText);
    protocol::append_bind(to, kName, kName, {}, {}, {});
    protocol::Execute{kName, 0}.append_to(to);
    protocol::Close{protocol::Target::portal, kName}.append_to(to);
    protocol::Close{protocol::Target::statement, kName}.append_to(to);
    for (const auto kind : {Owed::Kind::parse, Owed::Kind::bind, Owed::Kind::execute, Owed::Kind::close, Owed::Kind::close}) {
        auto& entry = owed.push({.kind = kind, .swallow = true, .question = Question::transaction});
        if (kind == Owed::Kind::execute) entry.ask = std::move(ask);
    }
}

// A Query that is a transaction by itself, changes rows by what is known of it, and means the same in the extended protocol. A relation with rules is
// not known (rules/catalogue_builder.cpp): a SELECT that a rule adds answers to a Query, and not to an Execute.
bool Session::Impl::can_be_a_batch(const Statement& statement, const ResolvedPlan& resolved) const {
    if (!context.upstream.own_transactions.are_wanted() || status != 'I' || !owed.empty() || batch_is_open || deferred.is_active ||
        login.is_replication)
        return false;
    const auto kind = statement.kind();
    if (!statement.facts().is_single() || kind == sql::Kind::select || !can_be_asked_behind(kind)) return false;
    return !resolved.writes.empty() && !resolved.plan.writes.any && statement.facts().statements.front().parameters_max == 0;
}

void Session::Impl::send_query(const Statement& statement, const ResolvedPlan& resolved, Bytes whole, Owed&& entry, Outputs& out) {
    auto ask = can_be_a_batch(statement, resolved) ? begin_ask() : nullptr;
    if (ask != nullptr) send_as_batch(statement, std::move(entry), std::move(ask), out);
    else send(out, whole, std::move(entry));
}

// The client is answered as by the simple protocol: without what the extended one says besides, and with the completion after the commit, so
// that it hears of a commit that fails and of nothing else. The unnamed statement that a Query drops is replaced instead: the session takes
// it for gone, and has it closed before anybody could ask for it.
void Session::Impl::send_as_batch(const Statement& statement, Owed&& query, std::unique_ptr<OwnTransactions::Ask> ask, Outputs& out) {
    auto& to = out.server.text();
    protocol::append_parse(to, {}, statement.text());
    protocol::append_bind(to, {}, {}, {}, {}, {});
    protocol::Describe{protocol::Target::portal, {}}.append_to(to);
    protocol::Execute{{}, 0}.append_to(to);
    server_has_unnamed = true;
    for (const auto kind : {Owed::Kind::parse, Owed::Kind::bind, Owed::Kind::describe_portal, Owed::Kind::execute}) {
        auto& entry = owed.push({.kind = kind, .is_of_query = true});
        if (kind == Owed::Kind::execute) entry.execution = std::move(query.execution);
    }
    append_ask(std::move(ask), out);
    send(out, protocol::kSync, {.kind = Owed::Kind::sync});
}

void Session::Impl::keep_completion(Bytes whole) {
    for (std::size_t i = 1; i < owed.size(); ++i) {
        if (owed.at(i).kind == Owed::Kind::sync) return void(owed.at(i).name.assign(whole));
    }
}

void Session::Impl::transaction_told(Bytes number, Owed& question) {
    if (question.ask == nullptr) return;
    std::uint64_t transaction = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), transaction);
    if (error == std::errc{} && end == number.data() + number.size()) question.ask->answered(transaction);
}

void Session::Impl::function_told(Bytes response, Owed& question) {
    if (const auto result = protocol::FunctionCallResponse::decode(response)) transaction_told(result->value.value_or(Bytes{}), question);
}

// A cancel or a timeout that was meant for the COMMIT behind it. The block has failed by that, so that nothing of it is committed; the
// client must not take the ROLLBACK that it would get now for an answer to its COMMIT.
void Session::Impl::ask_failed(Bytes body, Outputs& out) {
    const auto error = protocol::ErrorResponse::decode(body);
    fail_client(out, error ? error->sqlstate() : protocol::sqlstate::kProtocolViolation, "the transaction was interrupted before its COMMIT",
                "Nothing of it was committed. Run it again.");
}

}  // namespace larder::session
