// The read barrier: a hit that has to see what others committed before the request came waits until the change feed has told of it.
//
// The wait begins when the lookup has found an answer, or a fetch of it by somebody else that began earlier; what goes to the server needs none.
// It is asked for after the request was read. When it is over, all that was committed, and could be seen, when it was asked for has moved its
// counters; then the message is given again, and looks up as any other does. What the feed does not tell of with its commit (an unlogged table, a
// catalogue that is still to be compared) no wait helps against.
#include "proxy/session/session_impl.h"

namespace larder::session {

// Why no wait would make an answer of the cache as new as it has to be. Asked before the lookup: a comparison of the catalogue that
// ends in between has moved `catalogue`, if there was anything to find.
rules::Reason Session::Impl::barrier_obstacle(const rules::Plan& plan) const {
    if (barrier == Barrier::late) return rules::Reason::barrier_late;
    const bool is_told = context.upstream.is_feed_current() && !plan.reads_unlogged && !database->is_check_owed();
    return barrier != Barrier::refused && is_told ? rules::Reason::none : rules::Reason::barrier_blind;
}

// Nothing: the lookup may be made, or waited for.
std::optional<Session::Impl::ReadStep> Session::Impl::bypasses_barrier(const rules::Plan& plan, Outputs& out) {
    const auto reason = barrier_obstacle(plan);
    if (reason == rules::Reason::none) return std::nullopt;
    if (needs_server(true)) return ReadStep::pause;  // first, or it would be counted again
    count_bypass(reason, out);
    return ReadStep::fetch;
}

Session::Impl::ReadStep Session::Impl::await_barrier() {
    pause = Pause::barrier;
    needs.await_barrier = true;
    return ReadStep::pause;
}

void Session::Impl::barrier_ended(BarrierOutcome outcome, std::chrono::microseconds waited) {
    if (pause != Pause::barrier) return;  // it was cancelled
    pause = Pause::none;
    barrier_waited = waited;
    barrier = outcome == BarrierOutcome::passed ? Barrier::passed : outcome == BarrierOutcome::late ? Barrier::late : Barrier::refused;
    if (outcome != BarrierOutcome::refused) context.metrics.barrier_waits.add(waited.count());
}

}  // namespace larder::session
