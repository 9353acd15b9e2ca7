#include "advisor/gate.h"

#include <algorithm>
#include <chrono>

#include <poll.h>

#include "rules/planning_code.h"
#include "sql/analyse.h"

namespace larder::advisor {

namespace {

constexpr int kPollMs = 10;

// Why the text is not planned; empty if it may be.
std::string why_not(const std::string& sql, const rules::Catalogue& catalogue) {
    // Where names are kept in another encoding, letters may be folded that are not folded here.
    const bool is_ascii = std::none_of(sql.begin(), sql.end(), [](char c) { return (static_cast<unsigned char>(c) & 0x80) != 0; });
    if (!is_ascii && catalogue.encoding() != "UTF8") return "it holds letters outside of ASCII, and the database is not in UTF8";
    const auto text = sql::analyse(sql);
    if (!text.parsed) return text.why_not.empty() ? "it cannot be parsed" : text.why_not;
    if (!text.is_single()) return "it is not one statement";
    const auto* facts = &text.statements.front();
    if ((facts->kind == sql::Kind::explain || facts->kind == sql::Kind::prepare) && facts->inner != nullptr) facts = facts->inner.get();
    switch (facts->kind) {
        case sql::Kind::select: case sql::Kind::insert: case sql::Kind::update: case sql::Kind::delete_: case sql::Kind::merge: break;
        default: return "only SELECT, INSERT, UPDATE, DELETE and MERGE are planned";
    }
    return rules::why_not_planned(*facts, catalogue);
}

}  // namespace

// DDL and code that is not understood make the facts untrue for a moment, until they are loaded again.
std::shared_ptr<const rules::Catalogue> Gate::known_now() {
    const auto deadline = std::chrono::steady_clock::now() + kWaitMax;
    for (;;) {
        if (auto catalogue = source_ ? source_(is_first_) : nullptr) return is_first_ = false, catalogue;
        pollfd stop{stop_ != nullptr ? stop_->descriptor() : -1, POLLIN, 0};
        const bool is_stopped = ::poll(&stop, 1, kPollMs) > 0;
        if (!source_ || is_stopped || std::chrono::steady_clock::now() >= deadline) throw CatalogueUnknown("what code the database holds is not known at present");
    }
}

void Gate::admit(const std::string& sql) {
    auto catalogue = known_now();
    if (catalogue != catalogue_ || admitted_bytes_ > kAdmittedBytesMax) admitted_.clear(), admitted_bytes_ = 0;
    catalogue_ = std::move(catalogue);
    if (admitted_.contains(sql)) return;
    if (const auto why = why_not(sql, *catalogue_); !why.empty()) throw Refused(why);
    admitted_bytes_ += sql.size();
    admitted_.insert(sql);
}

}  // namespace larder::advisor
