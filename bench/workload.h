// What the clients ask, and whether the answers can be true.
//
// A row of the table is (k, v, pad). v is a counter: a writer sets it to a number that is larger than any before,
// and no two writes of one key are under way at a time. So the workload knows, per key, the newest value that was
// acknowledged, and a read that was sent after that and gives an older one is stale.
//
// Threads: none; all clients share one loop, so "sent after" is simply the order of the calls.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/keys.h"
#include "bench/options.h"

namespace larder::bench {

// One client's request: one or more round trips that are measured as one.
struct Request {
    static constexpr int kReadsMax = 256;
    struct Read {
        std::uint32_t key = 0;
        std::int64_t floor = 0;     // the newest value acknowledged when the read was sent
    };
    std::array<Read, kReadsMax> reads;  // of the round trip under way, in order
    int read_count = 0;
    int rows_seen = 0;
    int step = 0;
    std::uint32_t write_key = 0;  // 0: none under way
    bool is_insert = false;
    bool will_write = false;   // orm
    bool is_in_block = false;  // its write is not committed yet
    std::int64_t write_value = 0;
    bool has_failed = false;
};

struct Findings {
    std::uint64_t errors = 0, wrong = 0, stale = 0, writes = 0;
    std::string first_error;
};

class Workload {
public:
    explicit Workload(const Options& options);

    // The statements that "prepared" needs, once per connection. Returns the ReadyForQuery owed.
    int prepare(std::string& out) const;

    // The first or next round trip of `request`. Returns the ReadyForQuery that end it; 0: the request is complete.
    int next(Request& request, std::string& out);

    void on_row(Request& request, std::string_view body);
    void on_error(Request& request, std::string_view body);
    // All ReadyForQuery of the round trip have come.
    void on_ready(Request& request);

    // Queries in one request, for "per query".
    int queries_per_request() const;

    // The "{n}" of the next statement; a stampede moves it itself.
    void next_number() { ++number_; }

    const Findings& findings() const { return findings_; }
    void forget_findings() { findings_ = {}; }

private:
    void append_read(Request& request, std::string& out);
    int next_of_orm(Request& request, int step, std::string& out);
    void append_any_write(Request& request, std::string& out);
    void append_insert(Request& request, std::string& out);
    void append_write(Request& request, std::uint32_t key, std::string& out);
    bool is_chance(int percent) { return static_cast<int>(keys_.random().below(100)) < percent; }
    void append_plain(std::string& out, std::string_view sql, std::string_view prepared_name);
    std::int64_t& acknowledged(std::uint32_t key) { return acknowledged_[key - options_.first_key - 1]; }

    const Options& options_;
    KeyChooser keys_;
    std::vector<std::string> read_parts_;  // of the simple text: the key stands between them
    std::string write_head_;
    std::string read_text_, write_text_, insert_text_;  // with parameters
    std::string statement_;                             // Kind::text and stampede, "{n}" filled in
    std::uint64_t number_;
    std::int64_t next_value_;
    std::vector<std::int64_t> acknowledged_;  // per key; mixed and orm
    std::vector<bool> is_being_written_;
    Findings findings_;
};

}  // namespace larder::bench
