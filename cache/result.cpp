#include "cache/result.h"

#include <cstring>
#include <limits>
#include <memory>
#include <new>

#include "base/check.h"

namespace larder::cache {
namespace {

char* append(char* at, Bytes bytes) {
    if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    return at + bytes.size();
}

}  // namespace

static_assert(alignof(CachedResult) >= alignof(NotedCounter) && sizeof(CachedResult) % alignof(NotedCounter) == 0,
              "the note begins where the header ends");
static_assert(sizeof(CachedResult) == kCacheLineBytes, "the note begins with the second cache line");

CachedResult::CachedResult(std::uint32_t key_bytes, std::uint32_t note_count, std::uint32_t row_description_bytes,
                           std::size_t rows_and_complete_bytes, ResultCost cost, Instant stored, Instant expires, Instant stale_until)
    : note_count_(note_count), key_bytes_(key_bytes), row_description_bytes_(row_description_bytes),
      rows_and_complete_bytes_(rows_and_complete_bytes), stored_(stored), expires_(expires), stale_until_(stale_until), cost_(cost) {}

ResultRef CachedResult::make(Bytes key, const Note& note, const ResultParts& parts, ResultCost cost, Instant stored, Instant expires, Instant stale_until) {
    // Keys and messages come out of frames whose length is limited far below this.
    constexpr std::size_t kPartBytesMax = std::numeric_limits<std::uint32_t>::max();
    LARDER_ASSERT(key.size() <= kPartBytesMax);
    LARDER_ASSERT(note.size() <= kPartBytesMax);
    LARDER_ASSERT(parts.row_description.size() <= kPartBytesMax);

    const std::size_t rows_and_complete_bytes = parts.rows.size() + parts.command_complete.size();
    const std::size_t total = sizeof(CachedResult) + note.size() * sizeof(NotedCounter) + key.size() + parts.row_description.size() +
                              rows_and_complete_bytes;
    void* memory = ::operator new(total);
    auto* result = ::new (memory) CachedResult(static_cast<std::uint32_t>(key.size()), static_cast<std::uint32_t>(note.size()),
                                               static_cast<std::uint32_t>(parts.row_description.size()), rows_and_complete_bytes, cost,
                                               stored, expires, stale_until);
    char* at = static_cast<char*>(memory) + sizeof(CachedResult);
    std::uninitialized_copy(note.begin(), note.end(), reinterpret_cast<NotedCounter*>(at));
    at = append(at + note.size() * sizeof(NotedCounter), key);
    at = append(at, parts.row_description);
    at = append(at, parts.rows);
    append(at, parts.command_complete);
    return ResultRef(result);
}

void CachedResult::destroy(CachedResult* result) {
    result->~CachedResult();
    ::operator delete(result);
}

std::size_t CachedResult::allocated_bytes() const {
    return static_cast<std::size_t>(parts_begin() - reinterpret_cast<const char*>(this)) + row_description_bytes_ + rows_and_complete_bytes_;
}

std::size_t CachedResult::bytes() const {
    constexpr std::size_t kMallocHeaderBytes = 8, kMallocGrainBytes = 16;  // glibc on 64 bits
    return (allocated_bytes() + kMallocHeaderBytes + kMallocGrainBytes - 1) / kMallocGrainBytes * kMallocGrainBytes;
}

}  // namespace larder::cache
