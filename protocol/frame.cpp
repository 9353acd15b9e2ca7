#include "protocol/frame.h"

namespace larder::protocol {

namespace {

using LimitTable = std::array<std::uint32_t, 256>;

constexpr void set(LimitTable& table, std::string_view types, std::uint32_t limit) {
    for (const char type : types) table[static_cast<unsigned char>(type)] = limit;
}

constexpr LimitTable frontend_limits() {
    LimitTable table{};
    table.fill(detail::kNotAllowed);
    set(table, "QPBFd", kFrontendFrameBytesMax - 4);
    set(table, "CDEHScfX", kSmallBodyBytesMax);
    return table;
}

constexpr LimitTable backend_limits() {
    LimitTable table{};
    table.fill(detail::kNotAllowed);
    set(table, "DdTtVENA", kBackendFrameBytesMax - 4);
    set(table, "S", kParameterStatusBytesMax);
    set(table, "R", kAuthenticationBodyBytesMax);
    set(table, "KZCI123nsGHWcv", kBackendSmallBodyBytesMax);
    return table;
}

}  // namespace

constexpr LimitTable detail::kFrontendBodyBytesMax = frontend_limits();
constexpr LimitTable detail::kBackendBodyBytesMax = backend_limits();

FrameResult next_startup_frame(Bytes buffer) {
    FrameResult result;
    if (buffer.size() < 4) return result;
    const std::uint64_t total = load_be32(buffer.data());
    if (total < 8 || total > INT32_MAX || total - 4 > kStartupBytesMax) {
        result.kind = FrameResult::Kind::error;
        result.error = total < 8 || total > INT32_MAX ? FrameError::bad_length : FrameError::too_long;
        return result;
    }
    if (buffer.size() < total) return result;
    result.kind = FrameResult::Kind::frame;
    result.frame = Frame{'\0', buffer.substr(4, total - 4), buffer.substr(0, total)};
    return result;
}

}  // namespace larder::protocol
