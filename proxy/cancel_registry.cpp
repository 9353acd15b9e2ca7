#include "proxy/cancel_registry.h"

#include "base/check.h"
#include "protocol/scram_keys.h"

namespace larder::proxy {
namespace {

constexpr std::size_t kShortSecretBytes = 4;
constexpr std::size_t kLongSecretBytes = 32;

std::string random_bytes(std::size_t size) {
    auto bytes = protocol::random_bytes(size);
    // Without randomness every cancel key could be guessed; nothing may go on.
    LARDER_ASSERT_SHARED(bytes.has_value());
    return std::move(*bytes);
}

}  // namespace

IssuedKey CancelRegistry::issue(Worker& worker, std::uint64_t connection) {
    const std::string secret = random_bytes(kShortSecretBytes);
    IssuedKey issued;
    issued.secret_long = random_bytes(kLongSecretBytes);
    const Lock lock(mutex_);
    for (;;) {
        const std::string raw = random_bytes(sizeof(std::int32_t));
        const auto pid = static_cast<std::int32_t>(load_be32(raw.data()) & 0x7FFF'FFFF);
        if (pid == 0 || entries_.contains(pid)) continue;
        issued.key = protocol::CancelKey::make(pid, secret).value();
        entries_.emplace(pid, Entry{issued, &worker, connection});
        return issued;
    }
}

void CancelRegistry::forget(std::int32_t pid) {
    const Lock lock(mutex_);
    entries_.erase(pid);
}

CancelRegistry::Target CancelRegistry::find(const protocol::CancelKey& request) const {
    const Lock lock(mutex_);
    const auto found = entries_.find(request.pid);
    if (found == entries_.end()) return {};
    const Entry& entry = found->second;
    const bool is_short = entry.issued.key.matches(request.pid, request.secret());
    const bool is_long = request.matches(request.pid, entry.issued.secret_long);
    if (!is_short && !is_long) return {};
    return {entry.worker, entry.connection};
}

}  // namespace larder::proxy
