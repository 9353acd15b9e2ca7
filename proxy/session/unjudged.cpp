#include "proxy/session/unjudged.h"

#include "base/planted_fault.h"
#include "rules/plan.h"

namespace larder::session {

bool is_harmless(const Unjudged& statement, const rules::Catalogue& catalogue) {
    static const rules::UserRules kNoRules;  // they decide what is kept, not what is written
    const auto plan = rules::make_plan({*statement.facts, statement.text, 0, &catalogue, statement.env.get(), kNoRules});
    return !plan.writes.catalogue || is_planted(PlantedFault::unjudged_not_judged);
}

}  // namespace larder::session
