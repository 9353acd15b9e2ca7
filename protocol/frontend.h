// The messages that a client sends after start-up.
//
// Each struct is one message, by PostgreSQL's name: kType is its type byte, decode() reads a body (Frame::body) and
// append_to() writes the whole message. Decoders allocate nothing: every member is a view of the body and dies with
// it. They refuse what PostgreSQL refuses when it reads the message, not what it refuses when it runs it: an unknown
// format code or OID is passed on. Threads: values, for one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/bytes.h"
#include "protocol/decode_error.h"
#include "protocol/startup.h"
#include "protocol/value_list.h"

namespace larder::protocol {

struct Query {
    static constexpr char kType = 'Q';
    Bytes text;

    static Decoded<Query> decode(Bytes body);
    void append_to(std::string& out) const;
};

struct Parse {
    static constexpr char kType = 'P';
    Bytes statement;  // "" is the unnamed one
    Bytes text;
    OidList types;  // may be fewer than the parameters; 0 leaves the type to the server

    static Decoded<Parse> decode(Bytes body);
    void append_to(std::string& out) const;
};
void append_parse(std::string& out, Bytes statement, Bytes text, std::span<const Oid> types = {});

struct Bind {
    static constexpr char kType = 'B';
    Bytes portal;
    Bytes statement;
    FormatCodes formats;  // fits(values.size()) is checked
    ValueList values;
    FormatCodes result_formats;

    static Decoded<Bind> decode(Bytes body);
    void append_to(std::string& out) const;
};
void append_bind(std::string& out, Bytes portal, Bytes statement, std::span<const std::uint16_t> formats,
                 std::span<const ValueList::Value> values, std::span<const std::uint16_t> result_formats);

// What Describe and Close speak of.
enum class Target : char { statement = 'S', portal = 'P' };

struct Describe {
    static constexpr char kType = 'D';
    Target target = Target::statement;
    Bytes name;

    static Decoded<Describe> decode(Bytes body);
    void append_to(std::string& out) const;
};

struct Close {
    static constexpr char kType = 'C';
    Target target = Target::statement;
    Bytes name;

    static Decoded<Close> decode(Bytes body);
    void append_to(std::string& out) const;
};

struct Execute {
    static constexpr char kType = 'E';
    Bytes portal;
    std::int32_t rows_max = 0;  // 0 and below: no limit

    static Decoded<Execute> decode(Bytes body);
    void append_to(std::string& out) const;
};

struct FunctionCall {
    static constexpr char kType = 'F';
    Oid function = 0;
    FormatCodes formats;
    ValueList arguments;
    std::uint16_t result_format = 0;

    static Decoded<FunctionCall> decode(Bytes body);
    void append_to(std::string& out) const;
};
void append_function_call(std::string& out, Oid function, std::span<const std::uint16_t> formats,
                          std::span<const ValueList::Value> arguments, std::uint16_t result_format);

struct CopyFail {
    static constexpr char kType = 'f';
    Bytes message;

    static Decoded<CopyFail> decode(Bytes body);
    void append_to(std::string& out) const;
};

// CopyData in both directions is its body and nothing else.
struct CopyData {
    static constexpr char kType = 'd';
    Bytes data;

    static Decoded<CopyData> decode(Bytes body) { return CopyData{body}; }
    void append_to(std::string& out) const;
};

// The messages without a body. decode_empty() is what checks them.
inline constexpr char kSyncType = 'S';
inline constexpr char kFlushType = 'H';
inline constexpr char kTerminateType = 'X';
inline constexpr char kCopyDoneType = 'c';
inline constexpr Bytes kSync{"S\0\0\0\4", 5};
inline constexpr Bytes kFlush{"H\0\0\0\4", 5};
inline constexpr Bytes kTerminate{"X\0\0\0\4", 5};
inline constexpr Bytes kCopyDone{"c\0\0\0\4", 5};  // both directions
std::optional<DecodeError> decode_empty(Bytes body);

// Type 'p' is one of four messages; which one follows from what the server asked for.
inline constexpr char kAuthenticationResponseType = 'p';

struct PasswordMessage {
    static constexpr char kType = kAuthenticationResponseType;
    Bytes password;  // in clear, or "md5…"

    static Decoded<PasswordMessage> decode(Bytes body);
    void append_to(std::string& out) const;
};

struct SaslInitialResponse {
    static constexpr char kType = kAuthenticationResponseType;
    Bytes mechanism;
    std::optional<Bytes> data;  // nullopt: the client sends none yet

    static Decoded<SaslInitialResponse> decode(Bytes body);
    void append_to(std::string& out) const;
};

// Also GSSResponse: a body of bytes for the mechanism.
struct SaslResponse {
    static constexpr char kType = kAuthenticationResponseType;
    Bytes data;

    static Decoded<SaslResponse> decode(Bytes body) { return SaslResponse{body}; }
    void append_to(std::string& out) const;
};

}  // namespace larder::protocol
