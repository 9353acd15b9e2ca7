#include <catch2/catch.hpp>

#include "rules/key_values.h"

using namespace larder;
using namespace larder::rules;
using namespace std::string_literals;

namespace {

constexpr Oid kBool = 16, kInt8 = 20, kInt2 = 21, kName = 19, kInt4 = 23, kText = 25, kFloat8 = 701, kBpchar = 1042, kVarchar = 1043, kNumeric = 1700, kUuid = 2950;

sql::Value integer(std::int64_t value) { return {sql::Value::Kind::integer, value, {}}; }
sql::Value text(std::string value) { return {sql::Value::Kind::string, 0, std::move(value)}; }

// The bytes of a value in the text, or "?".
std::string constant(const sql::Value& value, Oid type, ValueScope scope = {true, true, true}, int bytes_max = -1, bool is_stored = false) {
    const auto part = key_part(value, key_type(type), bytes_max, is_stored, {}, scope);
    std::string out;
    return part && append_value(out, *part, {}) ? out : "?";
}

// The bytes of $1, declared as `declared`, where the column is of `type`.
std::string bound(Bytes value, Oid declared, Oid type, bool is_binary = false, bool stands_once = false, ValueScope scope = {true, true, true}) {
    sql::Facts facts;
    facts.parameter_uses = {static_cast<std::uint8_t>(stands_once ? 1 : 2)};
    const auto part = key_part({sql::Value::Kind::parameter, 1, {}}, key_type(type), -1, false, facts, scope);
    std::string out;
    return part && append_value(out, *part, {{declared, is_binary, value}}) ? out : "?";
}

}  // namespace

TEST_CASE("integers are equal by value, whatever their width and form") {
    const auto seven = constant(integer(7), kInt4);
    REQUIRE(seven != "?");
    CHECK(constant(integer(7), kInt8) == seven);
    CHECK(constant(text("7"), kInt2) == seven);
    CHECK(bound("7", kInt4, kInt8) == seven);
    CHECK(bound("\0\7"s, kInt2, kInt4, true) == seven);
    CHECK(bound("\0\0\0\7"s, kInt4, kInt8, true) == seven);
    CHECK(bound("\0\0\0\0\0\0\0\7"s, kInt8, kInt4, true) == seven);
    CHECK(bound("\0\0\0\7"s, 0, kInt4, true, true) == seven);
    CHECK(constant(integer(-7), kInt4) == bound("\xFF\xF9"s, kInt2, kInt4, true));
    CHECK(constant(integer(-7), kInt4) == constant(text("-7"), kInt4));
    CHECK(constant(integer(0), kInt4) == constant(text("0"), kInt4));
    CHECK(constant(integer(8), kInt4) != seven);
    CHECK(constant(integer(4294967303), kInt8) != seven);  // 7 + 2^32
}

TEST_CASE("what PostgreSQL reads otherwise than it writes is not known") {
    for (const char* value : {" 7", "7 ", "+7", "07", "-0", "-07", "", "-", "7.0", "0x7", "7_0", "99999999999999999999", "seven"}) CHECK(constant(text(value), kInt4) == "?");
    for (const char* value : {"T", "yes", "on", "1", " t", "tr"}) CHECK(constant(text(value), kBool) == "?");
    for (const char* value : {"{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", "a0eebc999c0b4ef8bb6d6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g"})
        CHECK(constant(text(value), kUuid) == "?");
    CHECK(constant(integer(1), kText) == "?");
    CHECK(constant(integer(1), kBool) == "?");
    CHECK(constant({sql::Value::Kind::null, 0, {}}, kInt4) == "?");
    for (const Oid type : {kName, kFloat8, kBpchar, kNumeric, Oid{26}, Oid{17}, Oid{16500}}) CHECK(constant(text("7"), type) == "?");
}

TEST_CASE("uuid and bool") {
    const auto id = constant(text("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), kUuid);
    REQUIRE(id != "?");
    CHECK(constant(text("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"), kUuid) == id);
    CHECK(bound("\xA0\xEE\xBC\x99\x9C\x0B\x4E\xF8\xBB\x6D\x6B\xB9\xBD\x38\x0A\x11"s, kUuid, kUuid, true) == id);
    CHECK(constant({sql::Value::Kind::boolean, 1, {}}, kBool) == constant(text("true"), kBool));
    CHECK(bound("\1"s, kBool, kBool, true) == bound("t", kBool, kBool));
    CHECK(bound("\0"s, kBool, kBool, true) == bound("f", kBool, kBool));
}

TEST_CASE("a parameter counts only if its type is sure") {
    CHECK(bound("7", 0, kInt4) == "?");                  // it stands in two places: the other may have typed it
    CHECK(bound("7", 0, kInt4, false, true) != "?");
    CHECK(bound("7", kNumeric, kInt4, false, true) == "?");
    CHECK(bound("\0\0\0\0\0\0\0\2"s, kNumeric, kInt4, true, true) == "?");  // 0.00
    CHECK(bound("7", kFloat8, kInt4) == "?");
    CHECK(bound("a", kBpchar, kText) == "?");             // compared without its trailing blanks
    CHECK(bound("a", kName, kText) == "?");
    CHECK(bound("a", kVarchar, kText) == bound("a", kText, kVarchar));
    CHECK(bound("a", kText, kText, true) == bound("a", kText, kText));
    CHECK(bound("7", 16500, kInt4) == "?");
    CHECK(bound("\0\0\7"s, kInt4, kInt4, true) == "?");
}

TEST_CASE("parameters that have not come are not known") {
    sql::Facts facts;
    const auto part = key_part({sql::Value::Kind::parameter, 2, {}}, KeyType::integer, -1, false, facts, {true, true, true});
    REQUIRE(part);
    std::string out;
    CHECK_FALSE(append_value(out, *part, {}));
    CHECK_FALSE(append_value(out, *part, {{kInt4, false, "1"}}));
    CHECK_FALSE(append_value(out, *part, {{kInt4, false, "1"}, {kInt4, false, std::nullopt}}));
    CHECK(append_value(out, *part, {{kInt4, false, "1"}, {kInt4, false, "2"}}));
}

TEST_CASE("text is known by its bytes where they are those that are stored") {
    CHECK(constant(text("a"), kText) == constant(text("a"), kVarchar));
    CHECK(constant(text("a"), kText) != constant(text("A"), kText));
    CHECK(constant(text("\xC3\xA9"), kText) != "?");
    CHECK(constant(text("\xC3\xA9"), kText, {true, false, true}) == "?");   // an escape means Unicode, and the server stores something else
    CHECK(constant(text("\xC3\xA9"), kText, {false, true, true}) == "?");
    CHECK(constant(text("a"), kText, {false, false, true}) != "?");
    CHECK(bound("\xE9", kText, kText, false, false, {true, false, true}) != "?");
    CHECK(bound("\xE9", kText, kText, false, false, {false, true, true}) == "?");
    CHECK(constant(text("abc"), kVarchar, {true, true, true}, 3, true) != "?");
    CHECK(constant(text("abc "), kVarchar, {true, true, true}, 3, true) == "?");   // the blank is cut off
    CHECK(constant(text("abc "), kVarchar, {true, true, true}, 3, false) != "?");  // but compared
}

namespace {

constexpr Oid kInt4Array = 1007, kInt8Array = 1016, kTextArray = 1009, kUuidArray = 2951, kNumericArray = 1231;

// The values of the elements of $1, declared as `declared`, where the column is of `type`; "?" if they are not known.
std::string elements(Bytes value, Oid declared, Oid type, bool is_binary = false, bool stands_once = false, std::size_t elements_max = 4) {
    sql::Facts facts;
    facts.parameter_uses = {static_cast<std::uint8_t>(stands_once ? 1 : 2)};
    sql::Value array{sql::Value::Kind::parameter, 1, {}};
    array.is_array = true;
    const auto part = key_part(array, key_type(type), -1, false, facts, {true, true, true});
    std::string out;
    REQUIRE(part);
    CHECK_FALSE(append_value(out, *part, {{declared, is_binary, value}}));
    const auto found = array_elements(*part, {{declared, is_binary, value}}, elements_max);
    if (!found) return "?";
    out.clear();
    for (const auto& element : *found) out += element;
    return out;
}

}  // namespace

TEST_CASE("the elements of an array are values") {
    const auto seven = constant(integer(7), kInt4), eight = constant(integer(8), kInt4);
    CHECK(elements("{7,8}", kInt4Array, kInt4) == seven + eight);
    CHECK(elements("{7,8}", kInt8Array, kInt4) == seven + eight);
    CHECK(elements("{7}", 0, kInt4, false, true) == seven);
    CHECK(elements("{}", kInt4Array, kInt4).empty());
    CHECK(elements("{NULL,7,null}", kInt4Array, kInt4) == seven);
    CHECK(elements("{\"7\"}", kInt4Array, kInt4) == seven);
    CHECK(elements("{1,2,3,4}", kInt4Array, kInt4) != "?");
    const auto of_text = [](const std::string& value) { return constant(text(value), kText); };
    CHECK(elements(R"({a,"b c","d\"\\","","NULL"})", kTextArray, kText, false, false, 5) ==
          of_text("a") + of_text("b c") + of_text("d\"\\") + of_text("") + of_text("NULL"));
    CHECK(elements("{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", kUuidArray, kUuid) ==
          constant(text("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), kUuid));
    const auto binary = "\0\0\0\1\0\0\0\1\0\0\0\x17\0\0\0\3\0\0\0\1\0\0\0\4\0\0\0\7\xFF\xFF\xFF\xFF\0\0\0\4\0\0\0\x08"s;
    CHECK(elements(binary, kInt4Array, kInt4, true) == seven + eight);
    CHECK(elements("\0\0\0\0\0\0\0\0\0\0\0\x17"s, kInt4Array, kInt4, true).empty());
    for (std::size_t size = 0; size < binary.size(); ++size) CHECK(elements(Bytes(binary).substr(0, size), kInt4Array, kInt4, true) == "?");
    CHECK(elements(binary + "\0"s, kInt4Array, kInt4, true) == "?");
}

TEST_CASE("arrays that are not written as PostgreSQL would, or of something else, are not known") {
    for (const char* value :
         {"",     "{",         "}",           "7",     "{7",       "7}",     "{7,}",  "{,7}", "{7,,8}", "{ 7}",
          "{7 }", "{{7},{8}}", "[0:1]={7,8}", "{\"7}", "{\"7\"8}", "{\"7\\", "{7;8}", "{07}", "{\\7}",  "{1,2,3,4,5}"}) {
        INFO(value);
        CHECK(elements(value, kInt4Array, kInt4) == "?");
    }
    CHECK(elements("{7}", kNumericArray, kInt4) == "?");
    CHECK(elements("{7}", kInt4, kInt4) == "?");
    CHECK(elements("{7}", kTextArray, kInt4) == "?");
    CHECK(elements("{7}", 0, kInt4) == "?");
    CHECK(elements("\0\0\0\2\0\0\0\0\0\0\0\x17\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\4\0\0\0\7"s, kInt4Array, kInt4, true) == "?");
    CHECK(elements("\0\0\0\1\0\0\0\0\0\0\0\x19\0\0\0\1\0\0\0\1\0\0\0\4\0\0\0\7"s, kInt4Array, kInt4, true) == "?");
    CHECK(elements("\0\0\0\1\0\0\0\0\0\0\0\x17\xFF\xFF\xFF\xFF\0\0\0\1"s, kInt4Array, kInt4, true) == "?");
}
