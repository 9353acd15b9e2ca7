// A value of the second level: any bytes at all, and any bytes behind a good checksum. Nothing but what was written is read.
#include <string>

#include "cache/remote_value.h"
#include "fuzz/round_trip.h"

namespace {

using namespace larder;

struct World {
    cache::ServerCounters server;
    cache::DatabaseCounters& shop = server.database("shop");
    cache::RemoteValues values{server, {{1, 2}, 3}, {.compress_above = 16}};
    cache::Note note{{&server.server, 0}, {&shop.catalogue, 0}, {&shop.any, 0}, {&shop.relation(7).scan, 0}};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static World world;
    const Bytes bytes{reinterpret_cast<const char*>(data), size};
    auto fault = cache::RemoteFault::none;
    fuzz::require(!world.values.read(bytes, "key", world.shop, fault) && fault != cache::RemoteFault::none);
    // As an answer, written and read again; then with one byte changed.
    const auto result = cache::CachedResult::make("key", world.note, {bytes.substr(0, size / 3), bytes.substr(size / 3), {}}, {1, 2}, Instant{3}, Instant{4});
    std::string value;
    if (!world.values.write(*result, value)) return 0;
    const auto read = world.values.read(value, "key", world.shop, fault);
    fuzz::require(read && read->all() == bytes && read->row_description() == bytes.substr(0, size / 3));
    fuzz::require(!world.values.read(value, "kez", world.shop, fault));
    if (size < 3) return 0;
    const std::size_t at = (data[0] | data[1] << 8) % value.size();
    value[at] = static_cast<char>(value[at] ^ (data[2] | 1));
    fuzz::require(!world.values.read(value, "key", world.shop, fault));
    return 0;
}
