#include "base/explanation.h"

namespace larder {
namespace {

std::string age(std::int64_t ms) { return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms"; }

void add_reads(const Explanation& explanation, std::vector<std::string>& lines) {
    for (const auto& read : explanation.reads) {
        if (read.key.empty())
            lines.push_back("  depends on every change of " + read.relation);
        else
            lines.push_back("  depends on " + std::to_string(read.rows) + (read.rows == 1 ? " row of " : " rows of ") + read.relation +
                            " (" + read.key + ')' + (read.has_array ? " for each element of an array" : ""));
    }
    lines.emplace_back("  depends on the schema, on privileges, and on writes whose target is not known");
    for (const auto& counter : explanation.counters) {
        lines.push_back("  counter " + counter.name + ": version " + std::to_string(counter.version) +
                        (counter.in_flight == 0 ? "" : ", writes in flight: " + std::to_string(counter.in_flight)));
    }
}

}  // namespace

std::vector<std::string> Explanation::lines() const {
    std::vector<std::string> lines{verdict};
    for (const auto& [name, sentence] : reasons) lines.push_back("  " + name + ": " + sentence);
    if (!rule.empty()) lines.push_back("  rule \"" + rule + '"');
    if (is_cacheable) {
        add_reads(*this, lines);
        lines.push_back("  promise: " + promise);
        lines.push_back(ttl_ms > 0 ? "  lives " + age(ttl_ms) + " at most" : "  lives until one of these moves");
        if (max_stale_ms > 0)
            lines.push_back("  may be up to " + age(max_stale_ms) +
                            " old although one of these moved (max_stale), but for this session's own writes");
        for (const auto& tag : tags) lines.push_back("  tag " + tag);
        for (const auto& part : key) lines.push_back("  key: " + part);
        if (has_parameters)
            lines.emplace_back("  each set of parameters has an answer of its own");
        else
            lines.emplace_back(is_kept_now ? "  an answer is in the cache now" : "  no answer is in the cache now");
    }
    for (const auto& write : writes) lines.push_back("  " + write);
    if (!is_catalogue_loaded)
        lines.emplace_back("  (the catalogue is not loaded yet, and until then the worst is assumed: ask again in a moment)");
    return lines;
}

}  // namespace larder
