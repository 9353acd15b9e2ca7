// A read that memory has no answer for, and the second level may have: asked when nothing is owed to the session, as a lookup is,
// and judged once its bytes are here. The rules of docs/freshness.md need nothing else: what was asked for earlier, and where the bytes
// have been meanwhile, does not matter to the hit check, which loads the counters after the request was read.
//
// One flight per key covers the question as well: who misses the same key meanwhile waits for it, and goes on waiting if the leader,
// finding nothing there, asks the server.
#include "proxy/session/session_impl.h"

namespace larder::session {

bool Session::Impl::asks_second_level(const ResolvedPlan& resolved, const cache::KeyView& view, const protocol::Bind* bind, Bytes types) {
    if (waits_for_nobody || !may_be_in_second_level(view) || ttl_us(resolved.plan) <= 0) return false;
    bool leads = false;
    // As before a fetch: a block may hold locks that a leader waits for later, and in mode session nobody leads without a server.
    const bool is_free = status == 'I' || deferred.is_active;
    if (is_free && (pool == nullptr || has_server || pool->mode != PoolMode::session)) {
        const auto noted = note_read(resolved, bind, types);
        // With a write in flight no answer of before it can be given.
        if (noted.note.empty() || noted.note[0].word != resolved.facts->server_word || noted.note[1].word != resolved.facts->catalogue_word) return false;
        const auto is_leader = leads_fetch(view, noted.needs_proof ? cache::Note{} : noted.note);
        if (!is_leader) return true;
        leads = *is_leader;
    }
    flight = {leads ? Flight::State::leads : Flight::State::alone, key, view.hash, {}};
    remote.state = Remote::State::asked;
    ++remote.number;
    needs.ask_second_level = true;
    pause = Pause::second_level;
    return true;
}

// The answer that came, if it can be given now. It goes back to memory, and to those who wait.
cache::ResultRef Session::Impl::take_second_level(const ResolvedPlan& resolved, const cache::KeyView& view, bool needs_row_description, bool leads, Outputs& out) {
    if (std::exchange(remote.state, Remote::State::none) != Remote::State::answered) return {};
    const auto found = std::exchange(remote.result, {});
    if (!found) {
        context.metrics.second_level_misses.add();
        return {};
    }
    const auto judged = context.cache.judge(found, context.now, bounds_of(resolved.plan), needs_row_description);
    // What was purged in memory may have been on its way to the second level, or from there.
    if (!judged.result || found->stored() <= context.cache.kept_out()) {
        context.metrics.second_level_stale.add();
        context.second_level->forget(view);
        return {};
    }
    context.metrics.second_level_hits.add();
    context.cache.store(view, found, context.now, context.second_level);
    if (leads) context.cache.land(view, found);
    if (own.values().trace) trace(out, "found in the second level");
    return found;
}

}  // namespace larder::session
