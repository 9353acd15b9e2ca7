#include "sql/analyse.h"

#include "sql/hints.h"
#include "sql/walker.h"

namespace larder::sql {

namespace {

// One call's arena in libpg_query: everything the parser allocates lives in it and goes with it. Deleting it walks a
// list of blocks, not the tree, so it does not matter how deep the tree is.
class ParseArena {
public:
    ParseArena() : context_(pg_query_enter_memory_context()) {}
    ~ParseArena() { pg_query_exit_memory_context(context_); }
    ParseArena(const ParseArena&) = delete;
    ParseArena& operator=(const ParseArena&) = delete;

private:
    MemoryContext context_;
};

// The result's two parts that live outside the arena. To be destroyed before it.
class ParseResult {
public:
    explicit ParseResult(const std::string& statements) : result_(pg_query_raw_parse(statements.c_str())) {}
    ~ParseResult() {
        std::free(result_.stderr_buffer);
        if (result_.error) pg_query_free_error(result_.error);
    }
    ParseResult(const ParseResult&) = delete;
    ParseResult& operator=(const ParseResult&) = delete;

    const List* statements() const { return result_.tree; }
    bool has_failed() const { return result_.error != nullptr; }
    std::string_view why() const { return text_of(result_.error->message); }

private:
    PgQueryInternalParsetreeAndError result_;
};

std::string why_not_parsed(Bytes text) {
    if (text.size() > kParsedTextBytesMax) return "the text is longer than " + std::to_string(kParsedTextBytesMax) + " bytes";
    if (text.find('\0') != Bytes::npos) return "the text holds a zero byte";
    return {};
}

}  // namespace

TextFacts analyse(Bytes text) {
    TextFacts facts;
    facts.why_not = why_not_parsed(text);
    if (!facts.why_not.empty()) return facts;
    facts.hints = find_hints(text);

    const std::string terminated(text);
    const ParseArena arena;
    const ParseResult result(terminated);
    if (result.has_failed()) {
        facts.why_not = result.why();
        return facts;
    }
    facts.parsed = true;
    facts.statements.reserve(cells(result.statements()).size());
    for (const ListCell& cell : cells(result.statements())) {
        Walker walker(facts.statements.emplace_back());
        walker.walk(as<RawStmt>(node_of(cell)).stmt);
    }
    return facts;
}

}  // namespace larder::sql
