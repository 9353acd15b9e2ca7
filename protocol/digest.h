// Digests of short texts, for logins. libcrypto looks an algorithm up by its name at each call, under locks, which costs more than the
// digest itself; here that is done once.
// Threads: any; each has a context of its own.
#pragma once

#include <initializer_list>
#include <optional>

#include "base/bytes.h"
#include "protocol/scram_keys.h"

namespace larder::protocol {

inline constexpr std::size_t kMd5Bytes = 16;
using Md5Digest = std::array<unsigned char, kMd5Bytes>;

// Of all parts, one after the other. Nothing: libcrypto would not (md5 under FIPS).
std::optional<Md5Digest> md5(std::initializer_list<Bytes> parts);
std::optional<ScramKey> sha256(std::initializer_list<Bytes> parts);

}  // namespace larder::protocol
