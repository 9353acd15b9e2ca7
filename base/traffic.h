// What the proxy knows of the statements that go through it, by shape: for admin/ and the advisor, read only.
//
// Statements are of one shape if they differ in constants only and mean the same: database, role and search_path belong to it.
// Implemented by proxy/, wired by main.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/distinct.h"
#include "base/latency_counts.h"

namespace larder {

// One execution that was kept as an example. It holds values: never shown where advisor.show_values is off.
struct StatementSample {
    std::string text;                                    // as the client sent it
    std::vector<std::optional<std::string>> parameters;  // as text; nullopt: NULL
    bool has_all_parameters = true;                      // false: some came in a form that is not understood, and none is here
    std::uint64_t server_us = 0;
};

struct StatementRow {
    std::string id;                   // 16 hexadecimal digits; of this shape, in every process and for good
    std::string fingerprint;          // the same of the text alone: what rules match by
    std::string database, role, search_path;
    std::string text;                 // with $n in the place of constants; printable
    std::uint64_t calls = 0;          // hits + misses + bypasses; of texts that come once, estimated
    std::uint64_t hits = 0, misses = 0, bypasses = 0, errors = 0;
    std::uint64_t rows = 0, bytes = 0;            // sent to clients
    double seconds = 0;               // between the first and the last that was counted
    std::uint64_t server_calls = 0, server_us = 0;  // executions on the server that ended well, and how long they took
    LatencySums server_times;
    std::uint64_t texts = 0;          // different ones of this shape; many, if constants are written into them
    std::string bypass_reason;        // the usual one; empty: none
    std::uint64_t sequences = 0;      // times that one session asked it ten times in a row and more
    std::uint64_t sequence_calls = 0; // executions in those
    std::string sequence_after;       // id of what was asked before the last such row; may be empty
    std::vector<std::uint32_t> reads, writes;     // relations by OID, roots of their trees
    bool writes_unknown = false;      // it may write anything
    bool is_read = false;             // a SELECT that writes nothing
    bool is_by_row = false;           // it depends on the rows of known keys only
    DistinctRanks distinct;           // of the values and texts that it was sent to the server with, hits left out
    bool lacks_advice = false;        // some worker has not heard of an advice on it
    std::vector<StatementSample> samples;         // the slowest first

    double server_mean_us() const { return server_calls > 0 ? static_cast<double>(server_us) / static_cast<double>(server_calls) : 0; }
    double hit_rate() const { return calls > 0 ? static_cast<double>(hits) / static_cast<double>(calls) : 0; }
    // What the hits would have cost the server.
    double saved_server_us() const { return server_mean_us() * static_cast<double>(hits); }
};

struct StatementTotals {
    std::uint64_t shapes = 0, shapes_max = 0, evicted = 0;
};

// Threads: any. No call waits for a worker.
class StatementSource {
public:
    virtual ~StatementSource() = default;
    // Without samples unless asked for; in no order.
    virtual std::vector<StatementRow> statements(bool with_samples) const = 0;
    virtual StatementTotals statement_totals() const = 0;
    // There is advice on the statement with this id: a session that traces hears of it.
    virtual void set_advice(const std::string& statement_id, int advice) const = 0;
};

}  // namespace larder
