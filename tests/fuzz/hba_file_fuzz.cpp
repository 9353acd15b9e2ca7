// pg_hba.conf, which may name itself: what is read has a place and a method, mistakes have a line, and matching ends. And the same
// text as pg_ident.conf.
#include "fuzz/round_trip.h"
#include "protocol/hba_file.h"
#include "protocol/ident_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace larder::protocol;
    const std::string text(reinterpret_cast<const char*>(data), size);
    std::size_t reads = 0;
    HbaError error;
    const auto maps = IdentFile::parse("/ident", text, error);
    larder::fuzz::require((maps == nullptr) == !error.problem.empty());
    if (maps != nullptr) maps->allows("people", "anna@example.com", "anna");
    // The file "self" is the same text once more; reading it without end is what the depth and the number of names are for.
    const auto file = HbaFile::parse("/hba", [&](const std::string& path) -> std::optional<std::string> {
        if (path == "/hba") return text;
        if (path == "/self" && ++reads < 100) return text.substr(text.size() / 2);
        return std::nullopt;
    }, error);
    larder::fuzz::require((file == nullptr) == !error.problem.empty());
    if (file == nullptr) return 0;
    for (const auto& rule : file->rules()) {
        larder::fuzz::require(rule.line > 0 && !rule.file.empty());
        larder::fuzz::require(rule.type != HbaType::local || !rule.network);
        larder::fuzz::require(rule.method != HbaMethod::cert || rule.type == HbaType::hostssl);
    }
    for (const bool is_tls : {false, true}) {
        const HbaClient clients[] = {{"shop", "anna", IpAddress::parse("192.0.2.1"), is_tls, false}, {"shop", "anna", IpAddress::parse("2001:db8::1"), is_tls, true}, {"d", "d", std::nullopt, false, false}};
        for (const auto& client : clients) {
            const auto* rule = file->find(client);
            larder::fuzz::require(rule == nullptr || (rule->type == HbaType::local) == !client.address);
        }
    }
    return 0;
}
