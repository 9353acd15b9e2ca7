// The messages that a server sends, but for Authentication* (authentication.h) and rows (row.h).
//
// Each struct is one message, by PostgreSQL's name: kType is its type byte, decode() reads a body (Frame::body) and
// append_to() writes the whole message. Members are views of the body and die with it; nothing is allocated.
// Messages without a body are constants, to be sent as they are. Threads: values, for one thread.
#pragma once

#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string>

#include "base/bytes.h"
#include "protocol/authentication.h"
#include "protocol/decode_error.h"
#include "protocol/frontend.h"
#include "protocol/row.h"
#include "protocol/value_list.h"

namespace larder::protocol {

inline constexpr char kParseCompleteType = '1';
inline constexpr char kBindCompleteType = '2';
inline constexpr char kCloseCompleteType = '3';
inline constexpr char kNoDataType = 'n';
inline constexpr char kPortalSuspendedType = 's';
inline constexpr char kEmptyQueryResponseType = 'I';
inline constexpr Bytes kParseComplete{"1\0\0\0\4", 5};
inline constexpr Bytes kBindComplete{"2\0\0\0\4", 5};
inline constexpr Bytes kCloseComplete{"3\0\0\0\4", 5};
inline constexpr Bytes kNoData{"n\0\0\0\4", 5};
inline constexpr Bytes kPortalSuspended{"s\0\0\0\4", 5};
inline constexpr Bytes kEmptyQueryResponse{"I\0\0\0\4", 5};

// What the server says about the transaction.
enum class TransactionStatus : char { idle = 'I', in_block = 'T', failed = 'E' };

struct ReadyForQuery {
    static constexpr char kType = 'Z';
    TransactionStatus status = TransactionStatus::idle;

    static Decoded<ReadyForQuery> decode(Bytes body);
    void append_to(std::string& out) const;
};
// The whole message, in static memory. `status` is 'I', 'T' or 'E'.
Bytes ready_for_query(char status);
inline Bytes ready_for_query(TransactionStatus status) { return ready_for_query(static_cast<char>(status)); }

struct BackendKeyData {
    static constexpr char kType = 'K';
    std::int32_t pid = 0;
    Bytes secret;  // 4 bytes in protocol 3.0, up to 256 in 3.2

    static Decoded<BackendKeyData> decode(Bytes body);
    void append_to(std::string& out) const;
};

struct ParameterStatus {
    static constexpr char kType = 'S';
    Bytes name;
    Bytes value;

    static Decoded<ParameterStatus> decode(Bytes body);
    void append_to(std::string& out) const;
};

struct CommandComplete {
    static constexpr char kType = 'C';
    Bytes tag;

    static Decoded<CommandComplete> decode(Bytes body);
    void append_to(std::string& out) const;
    // The last number of the tag ("SELECT 5", "INSERT 0 1"); nothing for tags without one.
    std::optional<std::uint64_t> rows() const;
};

// ErrorResponse and NoticeResponse: the same fields under two types.
struct ErrorResponse {
    static constexpr char kType = 'E';
    static constexpr char kNoticeType = 'N';
    Bytes fields;  // code and string, code and string …, without the final NUL

    static Decoded<ErrorResponse> decode(Bytes body);
    void append_to(std::string& out, char type = kType) const;

    // The first field of that code ('M', 'D', 'H', …), nullopt if there is none.
    std::optional<Bytes> field(char code) const;
    Bytes message() const { return field('M').value_or(Bytes{}); }
    // Five characters, whatever the server sent: XX000 stands for a missing or misshapen one.
    Bytes sqlstate() const;
    // Not translated ('V') if the server says so, else as it is shown ('S').
    Bytes severity() const;
    bool is_fatal() const;  // FATAL or PANIC: the server closes the connection after it
};

struct NotificationResponse {
    static constexpr char kType = 'A';
    std::int32_t pid = 0;
    Bytes channel;
    Bytes payload;

    static Decoded<NotificationResponse> decode(Bytes body);
    void append_to(std::string& out) const;
};

struct ParameterDescription {
    static constexpr char kType = 't';
    OidList types;

    static Decoded<ParameterDescription> decode(Bytes body);
    void append_to(std::string& out) const;
};
void append_parameter_description(std::string& out, std::span<const Oid> types);

// CopyInResponse 'G', CopyOutResponse 'H', CopyBothResponse 'W'.
struct CopyResponse {
    static constexpr char kInType = 'G';
    static constexpr char kOutType = 'H';
    static constexpr char kBothType = 'W';
    std::uint8_t format = 0;  // 0 text, 1 binary
    FormatCodes column_formats;

    static Decoded<CopyResponse> decode(Bytes body);
    void append_to(std::string& out, char type) const;
};
void append_copy_response(std::string& out, char type, std::uint8_t format, std::span<const std::uint16_t> column_formats);

struct FunctionCallResponse {
    static constexpr char kType = 'V';
    ValueList::Value value;

    static Decoded<FunctionCallResponse> decode(Bytes body);
    void append_to(std::string& out) const;
};

struct NegotiateProtocolVersion {
    static constexpr char kType = 'v';
    std::uint16_t major = 3;  // the wire carries the whole version number, whatever older manuals say
    std::uint16_t minor = 0;
    std::uint32_t option_count = 0;
    Bytes options;  // names of start-up options that the server does not know, each with its NUL

    static Decoded<NegotiateProtocolVersion> decode(Bytes body);
    void append_to(std::string& out) const;
};

}  // namespace larder::protocol
