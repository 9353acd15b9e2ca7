// The packets that open a connection: StartupMessage, SSLRequest, GSSENCRequest, CancelRequest.
//
// They have no type byte; the first int32 of the body is a protocol version or one of three magic numbers.
// startup_kind() tells which, then the struct of that name decodes. next_startup_frame() (frame.h) finds the packet.
// append_to() writes a whole packet. Views die with the body. Threads: values, for one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "protocol/decode_error.h"

namespace larder::protocol {

inline constexpr std::uint32_t kCancelRequestCode = 80877102;
inline constexpr std::uint32_t kSslRequestCode = 80877103;
inline constexpr std::uint32_t kGssEncRequestCode = 80877104;

inline constexpr std::size_t kCancelKeyBytesMin = 4;    // protocol 3.0: always 4
inline constexpr std::size_t kCancelKeyBytesMax = 256;  // protocol 3.2

enum class StartupKind { startup, ssl_request, gssenc_request, cancel_request };

// Which packet this body is. A body has at least four bytes when next_startup_frame() gave it; a shorter one is
// called a StartupMessage, whose decoder refuses it.
StartupKind startup_kind(Bytes body);

// A TLS ClientHello instead of a packet: the client wants TLS without asking first (ALPN "postgresql" is then required).
inline bool is_direct_tls(Bytes buffer) { return !buffer.empty() && buffer[0] == 0x16; }

// Pairs of NUL-terminated names and values in the client's order.
class StartupParameters {
public:
    struct Parameter {
        Bytes name;
        Bytes value;
    };

    class Iterator {
    public:
        using iterator_category = std::forward_iterator_tag;
        using value_type = Parameter;
        using difference_type = std::ptrdiff_t;
        using pointer = const Parameter*;
        using reference = Parameter;

        Iterator() = default;
        explicit Iterator(const char* at) : at_(at) {}
        Parameter operator*() const {
            const Bytes name{at_};
            return {name, Bytes{at_ + name.size() + 1}};
        }
        Iterator& operator++() {
            const auto [name, value] = **this;
            at_ += name.size() + value.size() + 2;
            return *this;
        }
        Iterator operator++(int) {
            const Iterator before = *this;
            ++*this;
            return before;
        }
        friend bool operator==(Iterator, Iterator) = default;

    private:
        const char* at_ = nullptr;
    };

    StartupParameters() = default;
    // `raw`: checked pairs, each string with its NUL, without the final NUL of the message.
    explicit StartupParameters(Bytes raw) : raw_(raw) {}

    Iterator begin() const { return Iterator{raw_.data()}; }
    Iterator end() const { return Iterator{raw_.data() + raw_.size()}; }
    bool empty() const { return raw_.empty(); }
    Bytes raw() const { return raw_; }

    // The last one of that name, as PostgreSQL takes it.
    std::optional<Bytes> find(Bytes name) const;

private:
    Bytes raw_;
};

struct StartupMessage {
    std::uint16_t major = 3;
    std::uint16_t minor = 0;
    StartupParameters parameters;

    static Decoded<StartupMessage> decode(Bytes body);
    void append_to(std::string& out) const;

    // The user name, "" if there is none (PostgreSQL then refuses with 28000).
    Bytes user() const { return parameters.find("user").value_or(Bytes{}); }
    // The database, which is the user's name unless given.
    Bytes database() const;
};

// Collects parameters for a StartupMessage of our own.
class StartupParametersBuilder {
public:
    StartupParametersBuilder& add(Bytes name, Bytes value);
    StartupParameters parameters() const { return StartupParameters{raw_}; }  // views this builder
    void append_message_to(std::string& out, std::uint16_t minor = 0) const;   // the StartupMessage of protocol 3.minor

private:
    std::string raw_;
};

struct SslRequest {
    static Decoded<SslRequest> decode(Bytes body);
    static void append_to(std::string& out);
};

struct GssEncRequest {
    static Decoded<GssEncRequest> decode(Bytes body);
    static void append_to(std::string& out);
};

struct CancelRequest {
    std::int32_t pid = 0;
    Bytes secret;  // kCancelKeyBytesMin to kCancelKeyBytesMax

    static Decoded<CancelRequest> decode(Bytes body);
    void append_to(std::string& out) const;
};

}  // namespace larder::protocol
