// Errors that Larder itself sends: SQLSTATEs by PostgreSQL's names, ErrorResponse and NoticeResponse from parts.
//
// Threads: pure functions.
#pragma once

#include <string>

#include "base/bytes.h"
#include "protocol/decode_error.h"
#include "protocol/frame.h"

namespace larder::protocol {

// Five characters; the constants have static storage.
using SqlState = Bytes;

namespace sqlstate {

inline constexpr SqlState kSuccessfulCompletion = "00000";
inline constexpr SqlState kWarning = "01000";
inline constexpr SqlState kSqlclientUnableToEstablishSqlconnection = "08001";
inline constexpr SqlState kConnectionDoesNotExist = "08003";
inline constexpr SqlState kSqlserverRejectedEstablishmentOfSqlconnection = "08004";
inline constexpr SqlState kConnectionFailure = "08006";
inline constexpr SqlState kProtocolViolation = "08P01";
inline constexpr SqlState kFeatureNotSupported = "0A000";
inline constexpr SqlState kInvalidParameterValue = "22023";
inline constexpr SqlState kActiveSqlTransaction = "25001";
inline constexpr SqlState kNoActiveSqlTransaction = "25P01";
inline constexpr SqlState kInFailedSqlTransaction = "25P02";
inline constexpr SqlState kIdleInTransactionSessionTimeout = "25P03";
inline constexpr SqlState kInvalidSqlStatementName = "26000";
inline constexpr SqlState kInvalidAuthorizationSpecification = "28000";
inline constexpr SqlState kInvalidPassword = "28P01";
inline constexpr SqlState kInvalidCursorName = "34000";
inline constexpr SqlState kInvalidCatalogName = "3D000";
inline constexpr SqlState kInsufficientPrivilege = "42501";
inline constexpr SqlState kSyntaxError = "42601";
inline constexpr SqlState kUndefinedObject = "42704";
inline constexpr SqlState kDuplicateCursor = "42P03";
inline constexpr SqlState kDuplicatePreparedStatement = "42P05";
inline constexpr SqlState kOutOfMemory = "53200";
inline constexpr SqlState kTooManyConnections = "53300";
inline constexpr SqlState kConfigurationLimitExceeded = "53400";
inline constexpr SqlState kProgramLimitExceeded = "54000";
inline constexpr SqlState kObjectNotInPrerequisiteState = "55000";
inline constexpr SqlState kCantChangeRuntimeParam = "55P02";
inline constexpr SqlState kQueryCanceled = "57014";
inline constexpr SqlState kAdminShutdown = "57P01";
inline constexpr SqlState kCrashShutdown = "57P02";
inline constexpr SqlState kCannotConnectNow = "57P03";
inline constexpr SqlState kIdleSessionTimeout = "57P05";
inline constexpr SqlState kSystemError = "58000";
inline constexpr SqlState kConfigFileError = "F0000";
inline constexpr SqlState kInternalError = "XX000";

}  // namespace sqlstate

namespace severity {

inline constexpr Bytes kError = "ERROR";
inline constexpr Bytes kFatal = "FATAL";
inline constexpr Bytes kWarning = "WARNING";
inline constexpr Bytes kNotice = "NOTICE";
inline constexpr Bytes kInfo = "INFO";

}  // namespace severity

// Empty detail and hint are left out. NULs in the texts become '?'.
struct ErrorFields {
    Bytes severity = severity::kError;
    SqlState sqlstate = sqlstate::kInternalError;
    Bytes message;
    Bytes detail = {};
    Bytes hint = {};
};

void append_error(std::string& out, const ErrorFields& fields);   // ErrorResponse
void append_notice(std::string& out, const ErrorFields& fields);  // NoticeResponse

// PostgreSQL's words for what the reader found; the SQLSTATE of all of them is 08P01.
Bytes decode_error_message(DecodeError error);
Bytes frame_error_message(FrameError error);

// ERROR 08P01 for a body that was refused: the session goes on after the next Sync.
void append_error(std::string& out, DecodeError error);
// FATAL 08P01 for a frame that was refused: the connection is out of step and must be closed.
void append_error(std::string& out, FrameError error);
// FATAL 08P01 for a type that the other side may not send.
void append_invalid_frontend_type(std::string& out, char type);

}  // namespace larder::protocol
