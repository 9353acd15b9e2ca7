#include "protocol/backend.h"

#include <catch2/catch.hpp>

#include <array>
#include <vector>

#include "protocol/text.h"
#include "unit/protocol/truncation.h"

namespace larder::protocol {
namespace {

template <class Message>
std::string encoded(const Message& message) {
    std::string out;
    message.append_to(out);
    return out;
}

TEST_CASE("backend messages survive decode and encode, and no cut of them is accepted") {
    const auto check = []<class Message>(const Message& message) {
        const std::string bytes = encoded(message);
        INFO(bytes);
        CHECK(bytes[0] == Message::kType);
        CHECK(survives_round_trip<Message>(bytes));
        CHECK(refuses_every_cut<Message>(bytes));
        CHECK(refuses_trailing_byte<Message>(bytes));
    };
    check(ReadyForQuery{TransactionStatus::failed});
    check(ParameterStatus{"TimeZone", "Europe/Berlin"});
    check(CommandComplete{"SELECT 3"});
    check(ErrorResponse{Bytes{"SERROR\0C42601\0Mno\0", 18}});
    check(NotificationResponse{77, "channel", "payload"});
    check(FunctionCallResponse{Bytes{"result"}});
    check(FunctionCallResponse{std::nullopt});
    check(FunctionCallResponse{Bytes{""}});
    check(NegotiateProtocolVersion{3, 0, 2, Bytes{"_pq_.a\0_pq_.b\0", 14}});
}

TEST_CASE("lists of the backend survive, and no cut of them is accepted") {
    std::string types;
    append_parameter_description(types, std::array<Oid, 3>{23, 25, 0});
    CHECK(survives_round_trip<ParameterDescription>(types));
    CHECK(refuses_every_cut<ParameterDescription>(types));
    CHECK(refuses_trailing_byte<ParameterDescription>(types));

    std::string row;
    append_data_row(row, std::vector<ValueList::Value>{Bytes{"1"}, std::nullopt, Bytes{""}});
    CHECK(survives_round_trip<DataRow>(row));
    CHECK(refuses_every_cut<DataRow>(row));
    CHECK(refuses_trailing_byte<DataRow>(row));
    CHECK(DataRow::decode(body_of(row))->values.at(0) == Bytes{"1"});

    std::string copy;
    append_copy_response(copy, CopyResponse::kOutType, 1, std::array<std::uint16_t, 2>{1, 1});
    const auto decoded = CopyResponse::decode(body_of(copy));
    REQUIRE(decoded.has_value());
    CHECK(decoded->format == 1);
    CHECK(decoded->column_formats.size() == 2);
    std::string again;
    decoded->append_to(again, 'H');
    CHECK(again == copy);
    CHECK(refused_prefixes(body_of(copy), CopyResponse::decode) == body_of(copy).size());
    CHECK(CopyResponse::decode(Bytes("\2\0\0", 3)).error() == DecodeError::bad_value);
}

TEST_CASE("columns of a RowDescription are found with all they carry") {
    const std::vector<Field> fields{{"id", 16384, 1, 23, 4, -1, 0}, {"", 0, 0, 25, -1, -1, 1}, {"price", 16384, 3, 1700, -1, 655366, 0}};
    std::string message;
    append_row_description(message, fields);
    const auto description = RowDescription::decode(body_of(message));
    REQUIRE(description.has_value());
    CHECK(description->size() == 3);
    const std::vector<Field> seen(description->begin(), description->end());
    CHECK(seen == fields);
    CHECK(survives_round_trip<RowDescription>(message));
    CHECK(refuses_every_cut<RowDescription>(message));
    CHECK(refuses_trailing_byte<RowDescription>(message));
    CHECK(RowDescription::decode(Bytes("\xff\xff", 2)).error() == DecodeError::truncated);
}

TEST_CASE("constants are whole messages") {
    for (const Bytes message : {kParseComplete, kBindComplete, kCloseComplete, kNoData, kPortalSuspended, kEmptyQueryResponse}) {
        const std::string copy{message};
        CHECK(body_of(copy).empty());
        CHECK(backend_body_bytes_max(copy[0]).has_value());
    }
    for (const char status : {'I', 'T', 'E'}) {
        const std::string ready{ready_for_query(status)};
        CHECK(static_cast<char>(ReadyForQuery::decode(body_of(ready))->status) == status);
    }
    CHECK_THROWS(ready_for_query('x'));
    CHECK(ReadyForQuery::decode("x").error() == DecodeError::bad_value);
    CHECK(Authentication::decode(body_of(std::string{kAuthenticationOk}))->kind == Authentication::Kind::ok);
    CHECK(Authentication::decode(body_of(std::string{kAuthenticationCleartextPassword}))->kind ==
          Authentication::Kind::cleartext_password);
}

TEST_CASE("every authentication request is known by its number") {
    using Kind = Authentication::Kind;
    const std::vector<Authentication> all{{Kind::ok, ""},
                                          {Kind::kerberos_v5, ""},
                                          {Kind::cleartext_password, ""},
                                          {Kind::crypt_password, "ab"},
                                          {Kind::md5_password, "salt"},
                                          {Kind::scm_credential, ""},
                                          {Kind::gss, ""},
                                          {Kind::gss_continue, "token"},
                                          {Kind::sspi, ""},
                                          {Kind::sasl, Bytes{"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0", 33}},
                                          {Kind::sasl_continue, "r=1"},
                                          {Kind::sasl_final, "v=1"}};
    for (const Authentication& message : all) {
        const std::string bytes = encoded(message);
        INFO(static_cast<std::uint32_t>(message.kind));
        CHECK(survives_round_trip<Authentication>(bytes));
        const auto decoded = Authentication::decode(body_of(bytes));
        CHECK(decoded->kind == message.kind);
        CHECK(decoded->data == message.data);
    }
    CHECK(Authentication::decode(Bytes("\0\0\0\1", 4)).error() == DecodeError::bad_value);
    CHECK(Authentication::decode(Bytes("\0\0\0\5abc", 7)).error() == DecodeError::truncated);
    CHECK(Authentication::decode(Bytes("\0\0\0\0x", 5)).error() == DecodeError::trailing_bytes);
    CHECK(Authentication::decode(Bytes("\0\0", 2)).error() == DecodeError::truncated);
    std::string sasl;
    append_authentication_sasl(sasl, std::array<Bytes, 2>{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"});
    CHECK(refuses_every_cut<Authentication>(sasl));
    const auto offer = Authentication::decode(body_of(sasl));
    CHECK(offer->offers("SCRAM-SHA-256"));
    CHECK(offer->offers("SCRAM-SHA-256-PLUS"));
    CHECK_FALSE(offer->offers("SCRAM-SHA-1"));
    CHECK_FALSE(offer->offers(""));
}

TEST_CASE("backend keys have 4 to 256 bytes") {
    for (const std::size_t size : {4u, 32u, 256u}) {
        const std::string secret(size, 's');
        const std::string message = encoded(BackendKeyData{42, secret});
        CHECK(survives_round_trip<BackendKeyData>(message));
        CHECK(BackendKeyData::decode(body_of(message))->secret == secret);
    }
    for (const std::size_t size : {0u, 3u, 257u}) {
        const std::string secret(size, 's');
        CHECK(BackendKeyData::decode(body_of(encoded(BackendKeyData{42, secret}))).error() == DecodeError::bad_key_length);
    }
}

TEST_CASE("the row count is the last number of the tag") {
    CHECK(CommandComplete{"SELECT 5"}.rows() == 5u);
    CHECK(CommandComplete{"INSERT 0 18446744073709551615"}.rows() == 18446744073709551615u);
    CHECK_FALSE(CommandComplete{"INSERT 0 18446744073709551616"}.rows().has_value());
    CHECK_FALSE(CommandComplete{"CREATE TABLE"}.rows().has_value());
    CHECK_FALSE(CommandComplete{"BEGIN"}.rows().has_value());
    CHECK_FALSE(CommandComplete{"SELECT "}.rows().has_value());
    CHECK_FALSE(CommandComplete{"SELECT 5x"}.rows().has_value());
}

TEST_CASE("an error without a usable SQLSTATE has XX000") {
    const auto decode = [](Bytes body) { return ErrorResponse::decode(body); };
    const auto empty = decode(Bytes("\0", 1));
    REQUIRE(empty.has_value());
    CHECK(empty->sqlstate() == "XX000");
    CHECK(empty->severity() == "ERROR");
    CHECK(empty->message().empty());
    CHECK_FALSE(empty->is_fatal());
    CHECK(decode(Bytes("C425\0\0", 6))->sqlstate() == "XX000");
    CHECK(decode(Bytes("C42a01\0\0", 8))->sqlstate() == "XX000");
    const auto full = decode(Bytes("SFATAL\0VFATAL\0C57P01\0Mbye\0\0", 27));
    REQUIRE(full.has_value());
    CHECK(full->sqlstate() == "57P01");
    CHECK(full->is_fatal());
    CHECK(full->message() == "bye");
    CHECK(full->field('V') == Bytes{"FATAL"});
    CHECK_FALSE(full->field('H').has_value());
    // Translated severities are told by the other field; servers before 9.6 have only one.
    CHECK(decode(Bytes("SFATAL\0\0", 8))->is_fatal());
    CHECK(decode(Bytes("SSCHWERWIEGEND\0VPANIC\0\0", 23))->is_fatal());
}

TEST_CASE("errors whose fields do not end are refused") {
    CHECK(ErrorResponse::decode("").error() == DecodeError::truncated);
    CHECK(ErrorResponse::decode(Bytes("Mno\0", 4)).error() == DecodeError::truncated);
    CHECK(ErrorResponse::decode("Mno").error() == DecodeError::unterminated_string);
    CHECK(ErrorResponse::decode(Bytes("Mno\0\0x", 6)).error() == DecodeError::trailing_bytes);
}

TEST_CASE("a claimed number of options beyond the body is refused at once") {
    CHECK(NegotiateProtocolVersion::decode(Bytes("\0\3\0\0\xff\xff\xff\xff_pq_.x\0", 15)).error() == DecodeError::truncated);
    CHECK(FunctionCallResponse::decode(Bytes("\x80\0\0\0", 4)).error() == DecodeError::truncated);
}

TEST_CASE("text values become numbers only as a whole") {
    CHECK(to_integer<int>("-12") == -12);
    CHECK(to_integer<std::uint64_t>("18446744073709551615") == 18446744073709551615u);
    CHECK_FALSE(to_integer<int>("12 ").has_value());
    CHECK_FALSE(to_integer<int>("").has_value());
    CHECK_FALSE(to_integer<int>("99999999999").has_value());
    CHECK(to_bool("t") == true);
    CHECK(to_bool("f") == false);
    CHECK_FALSE(to_bool("true").has_value());
}

}  // namespace
}  // namespace larder::protocol
