// Framing: whatever the bytes, a frame lies inside the buffer and agrees with the header.
#include <cstdint>
#include <cstdlib>

#include "protocol/frame.h"

namespace larder::protocol {
namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

void check(larder::Bytes buffer, const FrameResult& result, std::uint64_t body_bytes_max) {
    if (result.kind != FrameResult::Kind::frame) return;
    const Frame& frame = result.frame;
    require(frame.whole.data() == buffer.data() && frame.whole.size() <= buffer.size());
    require(frame.body.data() + frame.body.size() == frame.whole.data() + frame.whole.size());
    require(frame.body.size() <= body_bytes_max);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    larder::Bytes left{reinterpret_cast<const char*>(data), size};
    check(left, next_startup_frame(left), kStartupBytesMax);
    while (!left.empty()) {
        const auto limit = frontend_body_bytes_max(left[0]).value_or(backend_body_bytes_max(left[0]).value_or(100));
        const FrameResult result = next_frame(left, limit);
        check(left, result, limit);
        if (result.kind != FrameResult::Kind::frame) {
            const auto header = peek_header(left);
            require(result.kind != FrameResult::Kind::error || header->check(limit).has_value());
            break;
        }
        require(peek_header(left)->total_bytes == result.frame.whole.size());
        left.remove_prefix(result.frame.whole.size());
    }
    return 0;
}

}  // namespace larder::protocol
