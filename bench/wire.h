// The few messages of PostgreSQL's protocol, version 3, that the bench's programs speak: appended to a
// string on one side, cut out of a byte stream on the other. Nothing here is shared with the proxy.
//
// Errors: a length that cannot be is reported by MessageReader::is_broken(); the connection must then be closed.
// Threads: plain values, no sharing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace larder::bench {

inline constexpr std::uint32_t kProtocolVersion = 196608;
inline constexpr std::uint32_t kSslRequest = 80877103;
inline constexpr std::uint32_t kGssRequest = 80877104;
inline constexpr std::uint32_t kCancelRequest = 80877102;
inline constexpr std::uint32_t kTypeInt4 = 23;

// A message longer than this is taken for a broken stream.
inline constexpr std::uint32_t kMessageBytesMax = 256u << 20;

std::uint32_t load_u32(const char* at);
void append_u32(std::string& out, std::uint32_t value);
void append_u16(std::string& out, std::uint16_t value);

// A typed message with a body that is ready. Frontend or backend.
void append_message(std::string& out, char type, std::string_view body);

// Frontend.
void append_startup(std::string& out, std::string_view user, std::string_view database);
void append_query(std::string& out, std::string_view sql);
void append_parse(std::string& out, std::string_view name, std::string_view sql, int int4_parameters);
// One text parameter, or none where `parameter` has no data. Results as text.
void append_bind(std::string& out, std::string_view statement, const std::string_view* parameters, int count);
void append_describe_portal(std::string& out);
void append_execute(std::string& out);
void append_sync(std::string& out);
void append_terminate(std::string& out);

// Backend: one column per value, all of type text but for the OID.
void append_row_description(std::string& out, std::string_view column, std::uint32_t type_oid);
void append_data_row(std::string& out, std::string_view value);

struct Message {
    char type = 0;
    std::string_view body;  // dies with the next MessageReader::feed()
};

// Cuts messages out of chunks. Whole messages are views into the chunk; only what is cut at its end is copied.
class MessageReader {
public:
    // The chunk must live until the last next() before the following feed().
    void feed(std::string_view chunk);
    bool next(Message& message);
    bool is_broken() const { return is_broken_; }

private:
    std::string rest_;         // a message of which only the beginning has come
    std::string_view chunk_;
    std::string joined_;       // that message, completed; views into it die with the next feed()
    bool is_broken_ = false;
};

// Column `index` of a DataRow's body; an empty view where it is NULL or absent.
std::string_view column_of(std::string_view data_row, int index);

// The text of field `code` of an ErrorResponse's body ('C' SQLSTATE, 'M' message).
std::string_view error_field(std::string_view body, char code);

}  // namespace larder::bench
