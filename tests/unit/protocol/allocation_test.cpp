// Decoding allocates nothing: counted with this executable's own operator new.
#include <catch2/catch.hpp>

#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include "protocol/backend.h"
#include "protocol/frontend.h"
#include "unit/protocol/truncation.h"

namespace {

std::atomic<std::size_t> allocations{0};

// Not inlined, or GCC sees new on one side and free on the other and warns.
[[gnu::noinline]] void* take(std::size_t size) noexcept {
    allocations.fetch_add(1, std::memory_order_relaxed);
    return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void give_back(void* memory) noexcept { std::free(memory); }

}  // namespace

// Each form that the tests' own main uses is replaced: a sanitizer refuses memory that one side gave and the other takes.
void* operator new(std::size_t size) {
    if (void* const memory = take(size)) return memory;
    throw std::bad_alloc{};
}
void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept { return take(size); }
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, const std::nothrow_t& /*tag*/) noexcept { give_back(memory); }

namespace larder::protocol {
namespace {

template <class Work>
std::size_t allocations_in(Work work) {
    const std::size_t before = allocations.load();
    work();
    return allocations.load() - before;
}

TEST_CASE("the counter counts") {
    CHECK(allocations_in([] { std::vector<int>(100).data()[0] = 1; }) == 1);
}

TEST_CASE("decoding the extended protocol allocates nothing") {
    const std::vector<std::uint16_t> formats(65535, 1);
    const std::vector<ValueList::Value> values(65535, Bytes{"12345678"});
    std::string messages;
    append_parse(messages, "s", "select $1", std::vector<Oid>(1000, 23));
    append_bind(messages, "p", "s", formats, values, formats);
    Describe{Target::portal, "p"}.append_to(messages);
    Execute{"p", 0}.append_to(messages);
    messages += kSync;

    std::size_t bytes = 0;
    int decoded = 0;
    const std::size_t count = allocations_in([&] {
        Bytes left = messages;
        while (!left.empty()) {
            const FrameResult result = next_frame(left, *frontend_body_bytes_max(left[0]));
            if (result.kind != FrameResult::Kind::frame) return;
            left.remove_prefix(result.frame.whole.size());
            switch (result.frame.type) {
                case 'P': decoded += Parse::decode(result.frame.body).has_value(); break;
                case 'D': decoded += Describe::decode(result.frame.body).has_value(); break;
                case 'E': decoded += Execute::decode(result.frame.body).has_value(); break;
                case 'S': decoded += !decode_empty(result.frame.body).has_value(); break;
                case 'B': {
                    const auto bind = Bind::decode(result.frame.body);
                    decoded += bind.has_value();
                    for (const auto value : bind->values) bytes += value->size();
                    break;
                }
            }
        }
    });
    CHECK(decoded == 5);
    CHECK(bytes == 65535 * 8);
    CHECK(count == 0);
}

TEST_CASE("refusing a message that claims a gigabyte allocates nothing") {
    const Bytes liar{"\0\0\0\0\xff\xff\x3f\xff\xff\xff", 10};
    CHECK(allocations_in([&] { (void)Bind::decode(liar); }) == 0);
    CHECK(allocations_in([&] { (void)next_frame(Bytes{"D\x3f\xff\xff\xff", 5}, kBackendFrameBytesMax); }) == 0);
    CHECK(allocations_in([&] { (void)RowDescription::decode(Bytes{"\xff\xff\xff", 3}); }) == 0);
}

TEST_CASE("decoding rows allocates nothing") {
    std::string row;
    append_data_row(row, std::vector<ValueList::Value>(1600, Bytes{"x"}));
    const Bytes body = body_of(row);
    std::size_t seen = 0;
    CHECK(allocations_in([&] {
              const auto decoded = DataRow::decode(body);
              for (const auto value : decoded->values) seen += value->size();
          }) == 0);
    CHECK(seen == 1600);
}

}  // namespace
}  // namespace larder::protocol
