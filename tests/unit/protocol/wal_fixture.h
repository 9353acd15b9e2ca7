// Logs of a real server, and what pg_waldump tells of them: see wal/make_fixture.py.
#pragma once

#include <cstdint>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace larder::test {

inline std::string wal_file(const std::string& name) {
    std::ifstream in(LARDER_WAL_FOLDER + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

struct WalFixture {
    std::uint64_t start = 0;
    std::size_t segment_bytes = 0;
    std::string bytes;                 // two segments, the first filled up as the server does after a switch
    std::vector<std::string> records;  // "LSN transaction manager bytes"
    std::vector<std::string> commits;  // "LSN transaction files= dropped= relcache="
};

inline std::string lsn_text(std::uint64_t lsn) {
    std::ostringstream out;
    out << std::hex << std::uppercase << (lsn >> 32) << '/' << (lsn & 0xFFFFFFFF);
    return out.str();
}

inline WalFixture wal_fixture(const std::string& name) {
    WalFixture fixture;
    std::istringstream lines(wal_file(name + ".txt"));
    for (std::string line; std::getline(lines, line);) {
        const std::string kind = line.substr(0, line.find(' ')), rest = line.substr(line.find(' ') + 1);
        if (kind == "record") fixture.records.push_back(rest);
        if (kind == "commit") fixture.commits.push_back(rest);
        if (kind != "start") continue;
        const auto slash = rest.find('/'), space = rest.find(' ');
        fixture.start = std::stoull(rest.substr(0, slash), nullptr, 16) << 32 | std::stoull(rest.substr(slash + 1, space - slash - 1), nullptr, 16);
        fixture.segment_bytes = std::stoull(rest.substr(space + 1));
    }
    fixture.bytes = wal_file(name + ".before.wal");
    fixture.bytes.resize(fixture.segment_bytes, '\0');
    fixture.bytes += wal_file(name + ".after.wal");
    return fixture;
}

}  // namespace larder::test
