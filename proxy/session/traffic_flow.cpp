// What is counted of each statement: see traffic.h.
#include <algorithm>

#include "proxy/session/session_impl.h"
#include "proxy/session/slow_log.h"
#include "sql/analyse.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace larder::session {

namespace {

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : ",") + name;
    return text;
}

// As text, if that is known without asking anybody: integers and bool also in binary, texts in either form.
std::optional<std::string> text_of(Bytes value, bool is_binary, Oid type) {
    constexpr Oid kBool = 16, kInt8 = 20, kInt2 = 21, kInt4 = 23, kText = 25, kVarchar = 1043;
    if (!is_binary || type == kText || type == kVarchar) return std::string(value);
    if (type == kInt4 && value.size() == 4) return std::to_string(static_cast<std::int32_t>(load_be32(value.data())));
    if (type == kInt8 && value.size() == 8) return std::to_string(static_cast<std::int64_t>(std::uint64_t{load_be32(value.data())} << 32 | load_be32(value.data() + 4)));
    if (type == kInt2 && value.size() == 2) return std::to_string(static_cast<std::int16_t>(load_be16(value.data())));
    if (type == kBool && value.size() == 1) return std::string(value[0] != 0 ? "t" : "f");
    return std::nullopt;
}

std::unique_ptr<StatementSample> sample_of(Bytes text, const protocol::Bind* bind, Bytes types) {
    auto sample = std::make_unique<StatementSample>();
    sample->text = text;
    if (bind == nullptr) return sample;
    std::size_t bytes = text.size(), index = 0;
    for (const auto& value : bind->values) {
        const Oid type = types.size() >= 4 * (index + 1) ? load_be32(types.data() + 4 * index) : 0;
        auto shown = value ? text_of(*value, bind->formats.format_of(index) != 0, type) : std::nullopt;
        bytes += value ? value->size() : 0;
        ++index;
        if ((value && !shown) || bytes > StatementRecord::kSampleBytesMax) {
            sample->has_all_parameters = false;
            sample->parameters.clear();
            return sample;
        }
        sample->parameters.push_back(std::move(shown));
    }
    return sample;
}

std::uint64_t values_hash(const Statement& statement, const protocol::Bind* bind) {
    std::uint64_t hash = XXH3_64bits_withSeed(nullptr, 0, statement.hash());
    if (bind == nullptr) return hash;
    for (const auto& value : bind->values) hash = value ? XXH3_64bits_withSeed(value->data(), value->size(), hash) : hash + 1;
    return hash;
}

}  // namespace

void Session::Impl::note_statement() {
    context.metrics.statements.add();
    if (counts != nullptr) counts->statements.add();
}

void Session::Impl::note_transaction() {
    if (counts != nullptr) counts->transactions.add();
}

// Nothing is owed any more.
void Session::Impl::note_settled() {
    const auto since = [this](Instant& begin) { return static_cast<std::uint64_t>(std::max<std::int64_t>(0, (context.now - std::exchange(begin, {})).count())); };
    if (query_since.us != 0) {
        const auto took = since(query_since);
        if (counts != nullptr) counts->query_us.add(took);
    }
    if (status != 'I' || transaction_since.us == 0) return;
    const auto took = since(transaction_since);
    if (counts == nullptr) return;
    counts->transactions.add();
    counts->transaction_us.add(took);
}

const std::shared_ptr<StatementRecord>& Session::Impl::record_of(Statement& statement, const ResolvedPlan& resolved, std::uint32_t weight) {
    if (resolved.record == nullptr || resolved.record->is_dropped()) {
        RecordKey record_key{statement.fingerprint(), database->name(), env != nullptr ? env->current_user : login.user, env != nullptr ? joined(env->search_path) : std::string()};
        resolved.record = context.traffic->find(std::move(record_key), context.now);
        if (resolved.record->texts.value() == 0) {
            auto shape = sql::normalised(statement.text());
            resolved.record->looks_like(shape.empty() ? "(statements that are not looked into)" : std::move(shape));
        }
        resolved.record->touches(resolved.plan, statement.looks_cacheable(), resolved.facts != nullptr);
        if (!statement.is_counted) resolved.record->texts.add(weight);
        statement.is_counted = true;
    }
    return resolved.record;
}

// A loop is told by the text, so also of texts that have no record yet: once it is long enough, one fingerprint is worth its price.
void Session::Impl::watch_sequence(Statement& statement, const ResolvedPlan& resolved, StatementRecord* record) {
    const auto length = sequence.saw(statement.skeleton(), record != nullptr ? record->hash() : 0, context.now, status == 'T');
    if (length < SequenceWatch::kRowOf) return;
    if (length > SequenceWatch::kRowOf) {
        if (record == nullptr && loop_skeleton == statement.skeleton()) record = loop_record.get();
        if (record != nullptr) record->sequence_calls.add();
        return;
    }
    loop_record = record_of(statement, resolved, 1);
    loop_skeleton = statement.skeleton();
    loop_record->sequences.add();
    loop_record->sequence_calls.add(length);
    if (sequence.before() != 0) loop_record->follows(hex_id(sequence.before()));
}

void Session::Impl::tell_of_advice(const StatementRecord& record, Outputs& out) {
    if (!own.values().trace || record.advice() == 0) return;
    trace(out, "this statement could be cheaper: EXPLAIN ADVICE " + std::to_string(record.advice()) + " in the console says how");
}

void Session::Impl::count_hit(Statement& statement, const ResolvedPlan& resolved, const cache::CachedResult& hit, Outputs& out) {
    if (context.traffic == nullptr) return;
    auto& record = *record_of(statement, resolved, 1);
    record.hits.add();
    record.bytes.add(hit.rows_and_complete().size());
    record.rows.add(static_cast<std::uint64_t>(std::max<std::int64_t>(0, hit.cost().rows)));
    record.used(context.now);
    watch_sequence(statement, resolved, &record);
    tell_of_advice(record, out);
}

void Session::Impl::begin_execution(Owed& entry, const std::shared_ptr<Statement>& statement, const ResolvedPlan& resolved, const protocol::Bind* bind, Bytes types, Outputs& out) {
    const auto reason = std::exchange(bypass_reason, rules::Reason::none);
    if (context.traffic == nullptr || database == nullptr) return;
    auto execution = context.traffic->take_execution();
    execution->is_miss = entry.capture != nullptr;
    execution->reason = resolved.plan.reason != rules::Reason::none ? resolved.plan.reason : reason;
    const bool is_first = statement->executions == 0 && resolved.record == nullptr;
    if (statement->executions < UINT32_MAX) ++statement->executions;
    if (is_first) execution->first_text = statement;
    else execution->record = record_of(*statement, resolved, 1);
    watch_sequence(*statement, resolved, execution->record.get());
    if (execution->record) tell_of_advice(*execution->record, out);
    if (statement->looks_cacheable()) execution->values_hash = values_hash(*statement, bind);
    const bool wants_sample = context.traffic->keeps_samples() && (execution->record == nullptr || execution->record->wants_sample());
    if (wants_sample && statement->text().size() <= StatementRecord::kSampleBytesMax) execution->sample = sample_of(statement->text(), bind, types);
    if (execution->record) execution->time_weight = execution->record->time_weight();
    if (logs_slow()) execution->statement = statement;
    execution->sent_us = execution->time_weight > 0 || execution->statement ? clock_us() : context.now.us;
    entry.execution = std::move(execution);
}

bool Session::Impl::logs_slow() const { return context.slow_log != nullptr && context.slow_log->is_on(); }

void Session::Impl::log_if_slow(const Execution& execution, std::chrono::microseconds took) {
    if (!logs_slow()) return;
    context.slow_log->saw({.client = client.id,
                           .database = database != nullptr ? std::string_view(database->name()) : std::string_view(),
                           .role = env != nullptr ? env->current_user : login.user,
                           .application_name = login.application_name,
                           .reason = execution.reason == rules::Reason::none ? std::string_view() : rules::name(execution.reason),
                           .text = execution.statement->text(),
                           .took = took,
                           .rows = execution.rows,
                           .bytes = execution.bytes,
                           .has_failed = execution.has_failed});
}

void Session::Impl::end_execution(Owed& done) {
    constexpr std::int64_t kSlowEnoughUs = 1'000;  // that a fingerprint does not matter
    if (!done.execution) return;
    auto& execution = *done.execution;
    const auto now_us = execution.time_weight > 0 || execution.statement ? clock_us() : context.now.us;
    const auto took = static_cast<std::uint64_t>(std::max<std::int64_t>(0, now_us - execution.sent_us));
    if (execution.statement) log_if_slow(execution, std::chrono::microseconds(took));
    std::uint32_t weight = 1;
    if (execution.first_text != nullptr && database != nullptr) {
        if (took < kSlowEnoughUs) weight = context.traffic->takes_first_text() ? TrafficRecords::kOneOf : 0;
        if (weight > 0) execution.record = record_of(*execution.first_text, plan_of(*execution.first_text), weight);
    }
    if (auto* record = execution.record.get()) {
        if (execution.is_miss) record->misses.add(weight);
        else record->bypassed(execution.reason, weight);
        record->used(context.now);
        if (execution.values_hash != 0) record->sent_with(execution.values_hash);
        if (execution.has_failed) {
            record->errors.add(weight);
        } else {
            record->server_calls.add(weight);
            const auto time_weight = took >= StatementRecord::kLongUs ? weight : weight * execution.time_weight;
            record->server_us.add(took * time_weight);
            record->server_times.add(took, time_weight);
            record->rows.add(execution.rows * weight);
            record->bytes.add(execution.bytes * weight);
            if (execution.sample && (execution.time_weight > 0 || took >= StatementRecord::kLongUs)) {
                execution.sample->server_us = took;
                record->keep_sample(std::move(*execution.sample));
            }
        }
    }
    context.traffic->give_back(std::move(done.execution));
}

}  // namespace larder::session
