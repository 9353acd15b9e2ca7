#include "proxy/session/block.h"

#include <algorithm>

namespace larder::session {

bool may_lock(const sql::TextFacts& text, const rules::Plan& plan) {
    if (!text.parsed || plan.reason == rules::Reason::locks_rows || plan.changes_environment || plan.runs_unknown_code) return true;
    return std::any_of(text.statements.begin(), text.statements.end(), [](const sql::Facts& facts) {
        using sql::Kind;
        return facts.locks_rows || facts.kind == Kind::lock_table || facts.kind == Kind::execute || facts.kind == Kind::fetch || facts.kind == Kind::declare_cursor;
    });
}

}  // namespace larder::session
