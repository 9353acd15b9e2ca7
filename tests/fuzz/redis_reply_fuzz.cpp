// What comes from Redis: any bytes, whole and split, as replies to a login, GETs and SETs.
#include "fuzz/round_trip.h"
#include "proxy/redis_link.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace larder;
    const Bytes bytes{reinterpret_cast<const char*>(data), size};
    std::vector<proxy::RedisLink::Done> whole, split;
    const auto run = [](proxy::RedisLink& link, Bytes in, std::vector<proxy::RedisLink::Done>& done) {
        const bool goes_on = link.on_bytes(in, Instant{2}, done);
        if (link.is_ready() && link.unanswered() == 0) fuzz::require(link.get(1, "k", Instant{1}) && link.set(2, "k", "v", std::chrono::milliseconds(5), Instant{1}));
        fuzz::require(goes_on || link.error() != proxy::RedisError::none);
        return goes_on;
    };
    proxy::RedisLink link({"user", "secret", 1}, {.reply_bytes_max = 4096}, Instant{1});
    fuzz::require(run(link, "+OK\r\n+OK\r\n+PONG\r\n", whole) && link.is_ready());
    proxy::RedisLink other({"user", "secret", 1}, {.reply_bytes_max = 4096}, Instant{1});
    run(other, "+OK\r\n+OK\r\n+PONG\r\n", split);
    run(link, bytes, whole);
    for (std::size_t i = 0; i < size && run(other, bytes.substr(i, 1), split); ++i) {}
    proxy::RedisLink fresh({"user", "secret", 1}, {.reply_bytes_max = 4096}, Instant{1});
    std::vector<proxy::RedisLink::Done> done;
    run(fresh, bytes, done);
    return 0;
}
