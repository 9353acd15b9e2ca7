// CancelKey: what a client must show to cancel a query, and what Larder must show to the server.
//
// Kept by value, since the message it came in is gone when it is needed. Never logged. Threads: a value.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

#include <openssl/crypto.h>

#include "base/bytes.h"
#include "protocol/startup.h"

namespace larder::protocol {

class CancelKey {
public:
    std::int32_t pid = 0;

    CancelKey() = default;

    // Nothing if the secret has not 4 to 256 bytes.
    static std::optional<CancelKey> make(std::int32_t pid, Bytes secret) {
        if (secret.size() < kCancelKeyBytesMin || secret.size() > kCancelKeyBytesMax) return std::nullopt;
        CancelKey key;
        key.pid = pid;
        key.size_ = static_cast<std::uint16_t>(secret.size());
        std::memcpy(key.bytes_.data(), secret.data(), secret.size());
        return key;
    }

    Bytes secret() const { return Bytes{bytes_.data(), size_}; }  // lives as long as this key

    // Takes the same time wherever the secrets differ. The pid and the length are no secrets.
    bool matches(std::int32_t other_pid, Bytes other) const {
        if (size_ == 0 || other_pid != pid || other.size() != size_) return false;
        return CRYPTO_memcmp(bytes_.data(), other.data(), size_) == 0;
    }
    bool matches(const CancelRequest& request) const { return matches(request.pid, request.secret); }

private:
    std::uint16_t size_ = 0;  // 0: no key yet, matches nothing
    std::array<char, kCancelKeyBytesMax> bytes_{};
};

}  // namespace larder::protocol
