// What this session has written and not yet seen the outcome of: the marks of docs/freshness.md, "Write".
//
// A statement that writes inside a block only adds to `pending`; the marks come with the first message that can commit.
// Outside a block that message is the statement itself. The marks end at the ReadyForQuery after which no other is owed;
// relations under an ACCESS EXCLUSIVE lock stay marked until the transaction is over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "cache/write_ticket.h"
#include "proxy/session/context.h"
#include "proxy/session/statement_memo.h"

namespace larder::session {

class Writes {
public:
    // A statement with this plan and these parameters (as far as they are known) is about to be sent. `in_block`: the server is
    // known to be in a block, so that it cannot commit by itself.
    void sending(const ResolvedPlan& plan, const std::vector<rules::Parameter>& parameters, bool in_block, Context& context);
    // Something is about to be sent that Larder knows nothing of: it may write anything.
    void sending_unknown(DatabaseState& database, bool in_block, Context& context);
    // A message that may commit the open transaction is about to be sent.
    void may_commit(DatabaseState& database, Context& context);

    // ReadyForQuery with nothing else owed. Status 'I': the transaction is over.
    void settled(char status);
    // The server connection ended. Whatever is marked has an unknown outcome.
    void lost(Context& context, std::int32_t backend_pid);

    // The open transaction or pipeline has written: it must neither be served nor stored from.
    bool has_written() const { return has_written_; }
    // The word of `catalogue` under which all statements of the transaction so far were planned; nothing: under several, or without facts.
    std::optional<std::uint64_t> planned_under() const {
        if (facts_ == nullptr || facts_mixed_) return std::nullopt;
        return catalogue_word_;
    }
    bool is_marked() const { return ticket_.is_open(); }

private:
    void add(const cache::WriteSet& set, const cache::WriteSet& exclusive);
    void add_rows(const ResolvedPlan& plan, const std::vector<rules::Parameter>& parameters);
    void note_facts(const CatalogueFacts* facts);
    void mark(DatabaseState& database, cache::WriteSet set, Context& context);
    bool facts_hold(const DatabaseState& database) const;

    cache::WriteTicket ticket_;
    cache::WriteSet pending_;      // of the open transaction: what its commit moves
    cache::WriteSet exclusive_;    // held until the transaction ends
    // Identity of the facts under which the transaction's statements were analysed; their words for the check when marking.
    const CatalogueFacts* facts_ = nullptr;
    std::uint64_t server_word_ = 0, catalogue_word_ = 0;
    bool facts_mixed_ = false;     // analysed under more than one version, or without facts: the mark moves `any` as well
    bool has_written_ = false;
    // A transaction that writes more rows than this moves `all` and `absent` of their keys instead: a set of counters is searched
    // from end to end, and so many rows are most of what is cached of them anyway.
    static constexpr std::size_t kRowsMax = 256;
    std::size_t rows_ = 0;         // in `pending_`
};

}  // namespace larder::session
