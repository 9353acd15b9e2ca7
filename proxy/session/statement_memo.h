// Texts that were analysed before, by exact text, so that a repeat is never parsed and never planned again.
//
// A statement's facts depend on its text alone. Its plan depends on the catalogue facts, the session's environment and
// the operator's rules as well: each statement keeps the few newest plans, found by identity of those three.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/bytes.h"
#include "cache/counter.h"
#include "cache/write_ticket.h"
#include "proxy/session/row_counters.h"
#include "proxy/session/sequence_watch.h"
#include "proxy/session/traffic.h"
#include "proxy/session/upstream_state.h"
#include "rules/plan.h"
#include "sql/facts.h"

namespace larder::session {

// A plan with its counters looked up.
struct ResolvedPlan {
    std::shared_ptr<const CatalogueFacts> facts;          // null: planned without valid facts
    std::shared_ptr<const rules::SessionEnv> env;         // null: environment not known
    std::shared_ptr<const rules::UserRules> rules;
    DatabaseState* database = nullptr;
    bool is_unjudged = false;                             // only the facts can tell whether it runs code (unjudged.h)
    rules::Plan plan;
    std::vector<const cache::Counter*> reads;             // server, catalogue, any, then scans of relations; empty if not cacheable
    std::vector<ResolvedRowRead> row_reads;
    cache::WriteSet writes;
    std::vector<ResolvedRow> row_writes;
    bool writes_parameters = false;                       // some of row_writes depend on them
    struct Description {
        std::string types;                                // the declared parameter types
        std::string messages;                             // ParameterDescription, then RowDescription or NoData
    };
    mutable std::shared_ptr<StatementRecord> record;      // that its executions are counted in; null: none yet
    std::vector<Description> descriptions;                // what Describe of the statement says; a few
    cache::WriteSet exclusive;                            // the part of `writes` that is held until the transaction ends
};

// What Larder itself answers: SET larder.trace = on and the like, EXPLAIN LARDER.
struct LarderCommand {
    enum class Kind : std::uint8_t { none, set, reset, show, explain } kind = Kind::none;
    std::string setting;    // after "larder."
    std::string value;      // set; explain: the statement
    bool is_local = false;  // SET LOCAL
};

class Statement {
public:
    Statement(Bytes text, std::uint64_t hash, bool parse);

    Bytes text() const { return text_; }
    const sql::TextFacts& facts() const { return facts_; }
    // The only statement's kind; Kind::unknown if there is not exactly one.
    sql::Kind kind() const { return kind_; }
    const LarderCommand& command() const { return command_; }
    bool is_ascii() const { return is_ascii_; }
    // sql::fingerprint of the text, made when it is first asked for.
    std::uint64_t fingerprint();
    std::uint64_t skeleton() { return skeleton_ != 0 ? skeleton_ : skeleton_ = skeleton_of(text_); }
    std::uint64_t hash() const { return hash_; }          // of the text
    // How often it was counted as executed, up to 2^32 - 1.
    std::uint32_t executions = 0;
    bool is_counted = false;                              // among the texts of its shape
    bool looks_cacheable() const { return kind_ == sql::Kind::select; }

    const ResolvedPlan& plan(DatabaseState& database, const std::shared_ptr<const CatalogueFacts>& facts,
                             const std::shared_ptr<const rules::SessionEnv>& env, const std::shared_ptr<const rules::UserRules>& rules);

    // The answer to Describe of the statement with these parameter types under this plan; null: not known.
    static const std::string* description(const ResolvedPlan& plan, Bytes types);
    // Keeps that answer with the plan of these facts and this environment, if that plan is still here.
    void keep_description(const CatalogueFacts* facts, const rules::SessionEnv* env, std::string types, std::string messages);

private:
    friend class StatementMemo;
    std::string text_;
    std::uint64_t hash_;
    sql::TextFacts facts_;
    sql::Kind kind_;
    bool is_ascii_;
    LarderCommand command_;
    std::uint64_t fingerprint_ = 0;
    std::uint64_t skeleton_ = 0;                          // 0: not made yet
    bool has_fingerprint_ = false;
    static constexpr std::size_t kPlansMax = 4;           // environments that alternate on one worker
    std::vector<std::unique_ptr<ResolvedPlan>> plans_;    // newest use first
    std::list<Statement*>::iterator recency_;
};

// Threads: the worker's own.
class StatementMemo {
public:
    // Statements above either bound: the one used longest ago is forgotten (sessions that hold it keep it alive).
    StatementMemo(std::size_t statements_max, std::size_t bytes_max);
    ~StatementMemo();

    // The statement of this text, analysed now if it is new. `parse` = false: the session's lexing is not what
    // libpg_query assumes; such statements are not kept and have unparsed facts.
    std::shared_ptr<Statement> find(Bytes text, bool parse);

    std::size_t size() const { return by_hash_.size(); }
    std::size_t bytes() const { return bytes_; }

private:
    void forget_oldest();

    std::size_t statements_max_, bytes_max_, bytes_ = 0;
    boost::unordered_flat_map<std::uint64_t, std::shared_ptr<Statement>> by_hash_;
    std::list<Statement*> recency_;                       // newest first
};

}  // namespace larder::session
