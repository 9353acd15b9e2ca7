// Small makers of keys and results for the tests of the cache.
#pragma once

#include <catch2/catch.hpp>
#include <chrono>
#include <string>

#include "cache/cache.h"

namespace larder::cache::test {

inline constexpr ReadBounds kAnyAge;
inline constexpr Instant kStart{1'000'000};

struct Key {
    std::string text;
    std::uint64_t hash;

    explicit Key(std::string of) : text(std::move(of)), hash(hash_key(text)) {}
    Key(std::string of, std::uint64_t forced_hash) : text(std::move(of)), hash(forced_hash) {}
    operator KeyView() const { return {text, hash}; }
};

struct Spec {
    std::string rows = "rows";
    std::string row_description = "T";
    std::int64_t server_us = 100;
    Instant stored = kStart;
    Instant expires = kNever;
    Instant stale_until = kLongAgo;
};

inline Note note_of(const Counter& counter) {
    Note note;
    REQUIRE(take_note({&counter}, note));
    return note;
}

inline ResultRef make_result(const Key& key, const Note& note, const Spec& spec = {}) {
    return CachedResult::make(key.text, note, {spec.row_description, spec.rows, "C"}, {spec.server_us, 1}, spec.stored, spec.expires, spec.stale_until);
}

}  // namespace larder::cache::test
