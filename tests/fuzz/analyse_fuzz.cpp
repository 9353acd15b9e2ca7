// Statement texts: whatever the bytes, no crash, and facts that are consistent in themselves.
#include <cstdint>
#include <cstdlib>

#include "sql/analyse.h"
#include "sql/hints.h"

namespace larder::sql {
namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

void check(const Facts& facts) {
    for (const RelationUse& use : facts.reads) {
        require(!use.name.name.empty());
        require(use.key_tests_known || use.key_tests.empty());
        for (const KeyTest& test : use.key_tests) require(!test.column.empty() && !test.values.empty());
    }
    for (const WriteUse& use : facts.writes) require(!use.target.name.name.empty());
    require(facts.kind != Kind::unknown || !facts.understood);
    if (facts.inner) {
        require(facts.kind == Kind::prepare || facts.kind == Kind::explain || facts.kind == Kind::declare_cursor);
        require(!facts.understood || facts.inner->understood);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const larder::Bytes text{reinterpret_cast<const char*>(data), size};
    const TextFacts facts = analyse(text);
    require(facts.parsed == facts.why_not.empty());
    for (const Facts& statement : facts.statements) check(statement);
    const Hints hints = find_hints(text);
    require(hints.tags.size() <= kHintTagsMax);
    require(!hints.ttl || (hints.ttl->count() >= 0 && *hints.ttl <= kHintTtlMax));
    // Without statements, or not parsed: no fingerprint.
    const std::uint64_t print = fingerprint(text);
    require(facts.parsed || print == 0);
    return 0;
}

}  // namespace larder::sql
