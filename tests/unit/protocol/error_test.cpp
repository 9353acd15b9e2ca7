#include "protocol/error.h"

#include <catch2/catch.hpp>

#include "protocol/backend.h"
#include "unit/protocol/truncation.h"

namespace larder::protocol {
namespace {

TEST_CASE("an error of our own is one that every client can read") {
    std::string out;
    append_error(out, {severity::kFatal, sqlstate::kTooManyConnections, "sorry, too many clients already", "detail", "hint"});
    CHECK(out[0] == 'E');
    const auto error = ErrorResponse::decode(body_of(out));
    REQUIRE(error.has_value());
    CHECK(error->field('S') == Bytes{"FATAL"});
    CHECK(error->field('V') == Bytes{"FATAL"});
    CHECK(error->sqlstate() == "53300");
    CHECK(error->message() == "sorry, too many clients already");
    CHECK(error->field('D') == Bytes{"detail"});
    CHECK(error->field('H') == Bytes{"hint"});
}

TEST_CASE("a notice has the same fields, and empty ones are left out") {
    std::string out;
    append_notice(out, {severity::kNotice, sqlstate::kSuccessfulCompletion, "larder: hit"});
    CHECK(out[0] == 'N');
    const auto notice = ErrorResponse::decode(body_of(out));
    REQUIRE(notice.has_value());
    CHECK(notice->severity() == "NOTICE");
    CHECK_FALSE(notice->field('D').has_value());
    CHECK_FALSE(notice->field('H').has_value());
}

TEST_CASE("a NUL in a text cannot end the message early") {
    std::string out;
    append_error(out, {severity::kError, sqlstate::kSyntaxError, Bytes{"a\0Cxxxxx\0", 9}});
    const auto error = ErrorResponse::decode(body_of(out));
    REQUIRE(error.has_value());
    CHECK(error->message() == "a?Cxxxxx?");
    CHECK(error->sqlstate() == "42601");
}

TEST_CASE("a misshapen SQLSTATE becomes XX000") {
    std::string out;
    append_error(out, {severity::kError, "42", "x"});
    CHECK(ErrorResponse::decode(body_of(out))->sqlstate() == "XX000");
}

TEST_CASE("what was refused on the wire is answered with 08P01") {
    std::string decode;
    append_error(decode, DecodeError::trailing_bytes);
    CHECK(ErrorResponse::decode(body_of(decode))->sqlstate() == "08P01");
    CHECK(ErrorResponse::decode(body_of(decode))->message() == "invalid message format");
    CHECK_FALSE(ErrorResponse::decode(body_of(decode))->is_fatal());
    for (const FrameError reason : {FrameError::bad_length, FrameError::too_long}) {
        std::string frame;
        append_error(frame, reason);
        CHECK(ErrorResponse::decode(body_of(frame))->sqlstate() == "08P01");
        CHECK(ErrorResponse::decode(body_of(frame))->is_fatal());
    }
    std::string type;
    append_invalid_frontend_type(type, '\xff');
    CHECK(ErrorResponse::decode(body_of(type))->message() == "invalid frontend message type 255");
    CHECK(ErrorResponse::decode(body_of(type))->is_fatal());
}

}  // namespace
}  // namespace larder::protocol
