#include "protocol/frame.h"

#include <catch2/catch.hpp>

#include <string>

namespace larder::protocol {
namespace {

std::string header(char type, std::uint32_t length) {
    std::string out(5, type);
    store_be32(out.data() + 1, length);
    return out;
}

constexpr Bytes kSyncAndHalf{"S\0\0\0\4Q\0\0\0\x0bsel", 13};

TEST_CASE("a frame is found once its last byte is there and not before") {
    const std::string message = header('Q', 4 + 7) + std::string("select\0", 7);
    for (std::size_t size = 0; size < message.size(); ++size) {
        REQUIRE(next_frame(Bytes{message}.substr(0, size), 100).kind == FrameResult::Kind::need_more);
    }
    const FrameResult result = next_frame(message, 100);
    REQUIRE(result.kind == FrameResult::Kind::frame);
    CHECK(result.frame.type == 'Q');
    CHECK(result.frame.body == Bytes("select\0", 7));
    CHECK(result.frame.whole == message);
}

TEST_CASE("messages of five bytes stand next to half of the next one") {
    const FrameResult sync = next_frame(kSyncAndHalf, 100);
    REQUIRE(sync.kind == FrameResult::Kind::frame);
    CHECK(sync.frame.body.empty());
    CHECK(sync.frame.whole.size() == 5);
    CHECK(next_frame(kSyncAndHalf.substr(5), 100).kind == FrameResult::Kind::need_more);
}

TEST_CASE("a frame that ends at the buffer's end leaves nothing") {
    const std::string message = header('d', 4 + 3) + "abc";
    CHECK(next_frame(message, 3).frame.whole.size() == message.size());
    CHECK(next_frame(Bytes{message}.substr(message.size()), 3).kind == FrameResult::Kind::need_more);
}

TEST_CASE("impossible lengths are refused from the header alone") {
    for (const std::uint32_t length : {0u, 1u, 3u, 0x80000000u, 0xfffffffcu, 0xffffffffu}) {
        const FrameResult result = next_frame(header('Q', length), kFrontendFrameBytesMax);
        REQUIRE(result.kind == FrameResult::Kind::error);
        CHECK(result.error == FrameError::bad_length);
    }
}

TEST_CASE("lengths over the limit are refused from the header alone") {
    CHECK(next_frame(header('Q', 0x7fffffff), kFrontendFrameBytesMax).error == FrameError::too_long);
    CHECK(next_frame(header('Q', 0x7fffffff), kFrontendFrameBytesMax).kind == FrameResult::Kind::error);
    CHECK(next_frame(header('S', 4 + 11), 10).kind == FrameResult::Kind::error);
    CHECK(next_frame(header('S', 4 + 10), 10).kind == FrameResult::Kind::need_more);
    CHECK(next_frame(header('d', 0x7fffffff), UINT32_MAX).kind == FrameResult::Kind::need_more);
}

TEST_CASE("a header tells type and total size of a message that never fits a buffer") {
    CHECK_FALSE(peek_header("D\0\0\0").has_value());
    const auto row = peek_header(header('D', 0x3fffffff));
    REQUIRE(row);
    CHECK(row->type == 'D');
    CHECK(row->total_bytes == 0x40000000u);
    CHECK_FALSE(row->check(kBackendFrameBytesMax).has_value());
    CHECK(peek_header(header('D', 0xffffffff))->check(UINT32_MAX) == FrameError::bad_length);
    CHECK(peek_header(header('D', 3))->check(UINT32_MAX) == FrameError::bad_length);
}

TEST_CASE("start-up packets have at least a version and at most ten thousand bytes") {
    const auto packet = [](std::uint32_t length, std::size_t size) {
        std::string out(size, '\0');
        if (size >= 4) store_be32(out.data(), length);
        return out;
    };
    for (const std::uint32_t length : {0u, 4u, 7u, 0x80000000u, 0xffffffffu}) {
        const FrameResult result = next_startup_frame(packet(length, 4));
        REQUIRE(result.kind == FrameResult::Kind::error);
        CHECK(result.error == FrameError::bad_length);
    }
    CHECK(next_startup_frame(packet(0x7fffffff, 4)).error == FrameError::too_long);
    CHECK(next_startup_frame(packet(4 + kStartupBytesMax + 1, 4)).kind == FrameResult::Kind::error);
    CHECK(next_startup_frame(packet(4 + kStartupBytesMax, 4)).kind == FrameResult::Kind::need_more);
    CHECK(next_startup_frame(packet(4 + kStartupBytesMax, 4 + kStartupBytesMax)).kind == FrameResult::Kind::frame);
    CHECK(next_startup_frame(packet(8, 3)).kind == FrameResult::Kind::need_more);
    for (std::size_t size = 0; size < 8; ++size) CHECK(next_startup_frame(packet(8, size)).kind == FrameResult::Kind::need_more);
    const std::string two = packet(8, 8) + "more";
    CHECK(next_startup_frame(two).frame.whole.size() == 8);
    CHECK(next_startup_frame(two).frame.body.size() == 4);
}

TEST_CASE("each side may send its own types only") {
    const std::string from_client = "QPBDECHSFdcfX";
    const std::string from_server = "RKSZTDCIEN1234AtnsGHWdcVv";
    for (int c = 0; c < 256; ++c) {
        const char type = static_cast<char>(c);
        CHECK(frontend_body_bytes_max(type).has_value() == (from_client.find(type) != std::string::npos));
        CHECK(backend_body_bytes_max(type).has_value() == (type != '4' && from_server.find(type) != std::string::npos));
        CHECK(authentication_body_bytes_max(type).has_value() == (type == 'p'));
    }
    CHECK(frontend_body_bytes_max('S') == kSmallBodyBytesMax);
    CHECK(frontend_body_bytes_max('Q') == kFrontendFrameBytesMax - 4);
    CHECK(backend_body_bytes_max('D') == kBackendFrameBytesMax - 4);
    CHECK(*backend_body_bytes_max('t') > 65535u * 4);
}

}  // namespace
}  // namespace larder::protocol
