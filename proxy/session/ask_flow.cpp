// Which transaction of the server a write belongs to: asked for right before it ends, so that the change feed knows its commit for one
// whose writes were marked here (own_transactions.h). Only where a question costs no round trip and changes nothing: before the Sync of a batch that
// changes rows, and before the COMMIT of a block. What cannot be asked for is marked twice.
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
    auto ask = begin_ask();
    if (ask == nullptr) return;
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
