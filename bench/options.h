// The command line of bench_load.
#pragma once

#include <cstdint>
#include <string>

#include "bench/keys.h"
#include "bench/login.h"

namespace larder::bench {

enum class Mode { simple, extended, prepared };

enum class Kind {
    read,      // one row by key
    mixed,     // the same, and `write_percent` updates of the row's counter
    block,     // BEGIN, two reads, COMMIT
    orm,       // BEGIN, a read, in `write_percent` of them an update of that row, COMMIT
    pipeline,  // `depth` reads in one write, each with its own Sync
    text,      // the statement given; "{n}" becomes a number that grows with every request
    stampede,  // the statement given, by all connections at once; "{n}" grows once all have their answer
    connect,   // connect, log in, SELECT 1, close
    idle,      // log in and wait for the end of standard input
};

struct Options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 5432;
    Credentials credentials{"bench", "", "bench"};
    int connections = 1;
    Mode mode = Mode::simple;
    Kind kind = Kind::read;
    double seconds = 1;
    double warmup_seconds = 0.2;
    std::uint64_t count = 0;        // requests to measure; 0: bound by time alone
    std::string table = "bench_rows";
    std::string hint;               // put before every read
    std::string join;               // a table with the same keys, joined to every read; empty: none
    std::string where = "k = {k}";  // of every read
    std::string text;
    Distribution distribution = Distribution::uniform;
    double theta = 0.99;
    std::uint32_t first_key = 0;    // keys are first_key + 1 … first_key + keys
    std::uint32_t keys = 1000;
    int write_percent = 5;
    int insert_percent = 0;  // of the writes: rows whose key the table makes itself
    int depth = 16;
    std::uint64_t seed = 1;
    bool is_canned = false;         // the server gives the same answer to everything: do not compare keys
    bool waits_for_go = false;      // print READY after the warm-up and go on when a line comes on standard input
    int sources = 1;                // addresses 127.0.0.1 … of the client's side, for many short connections
};

// Ends the program with the usage when the command line is not understood.
Options parse_options(int argc, char** argv);

}  // namespace larder::bench
