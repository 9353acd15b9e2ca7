#include "protocol/error.h"

#include "protocol/backend.h"
#include "protocol/byte_writer.h"

namespace larder::protocol {

namespace {

void append_fields(std::string& out, char type, const ErrorFields& fields) {
    MessageWriter writer(out, type);
    writer.byte('S').text(fields.severity);
    writer.byte('V').text(fields.severity);
    writer.byte('C').text(fields.sqlstate.size() == 5 ? fields.sqlstate : sqlstate::kInternalError);
    writer.byte('M').text(fields.message);
    if (!fields.detail.empty()) writer.byte('D').text(fields.detail);
    if (!fields.hint.empty()) writer.byte('H').text(fields.hint);
    writer.byte('\0');
}

}  // namespace

void append_error(std::string& out, const ErrorFields& fields) { append_fields(out, ErrorResponse::kType, fields); }

void append_notice(std::string& out, const ErrorFields& fields) { append_fields(out, ErrorResponse::kNoticeType, fields); }

Bytes decode_error_message(DecodeError error) {
    switch (error) {
        case DecodeError::truncated: return "insufficient data left in message";
        case DecodeError::trailing_bytes: return "invalid message format";
        case DecodeError::unterminated_string: return "invalid string in message";
        case DecodeError::bad_value: return "invalid value in message";
        case DecodeError::format_count_mismatch: return "number of format codes does not match number of values in message";
        case DecodeError::bad_startup_layout: return "invalid startup packet layout: expected terminator as last byte";
        case DecodeError::bad_key_length: return "invalid length of cancel key";
    }
    return "invalid message";
}

Bytes frame_error_message(FrameError error) {
    switch (error) {
        case FrameError::bad_length: return "invalid message length";
        case FrameError::too_long: return "message length exceeds limit";
    }
    return "invalid message length";
}

void append_error(std::string& out, DecodeError error) {
    append_error(out, {severity::kError, sqlstate::kProtocolViolation, decode_error_message(error)});
}

void append_error(std::string& out, FrameError error) {
    append_error(out, {severity::kFatal, sqlstate::kProtocolViolation, frame_error_message(error)});
}

void append_invalid_frontend_type(std::string& out, char type) {
    const std::string message = "invalid frontend message type " + std::to_string(static_cast<unsigned char>(type));
    append_error(out, {severity::kFatal, sqlstate::kProtocolViolation, message});
}

}  // namespace larder::protocol
