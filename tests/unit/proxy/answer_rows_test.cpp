#include "proxy/answer_rows.h"

#include <catch2/catch.hpp>

#include "protocol/backend.h"

using namespace larder;
using namespace larder::proxy;

namespace {

using Row = std::vector<protocol::ValueList::Value>;

std::string rows(const std::vector<Row>& all) {
    std::string out;
    for (const auto& row : all) protocol::append_data_row(out, row);
    protocol::CommandComplete{"SELECT"}.append_to(out);
    return out;
}

std::string columns(Bytes name, Oid type) {
    std::string out;
    const protocol::Field field{.name = name, .type = type};
    protocol::append_row_description(out, std::span(&field, 1));
    return out;
}

cache::ResultRef result(const std::string& description, const std::string& rest) { return cache::CachedResult::make("k", {}, {description, rest, {}}, {}, {}, kNever); }

AnswerRows answer(const std::vector<Row>& all, const std::string& description = {}) {
    auto read = rows_of(*result(description, rows(all)));
    REQUIRE(read);
    return *read;
}

}  // namespace

TEST_CASE("rows are compared as a bag") {
    const auto one = answer({{"a", "b"}, {"c", std::nullopt}});
    CHECK(one.rows.size() == 2);
    CHECK(are_alike(one, answer({{"c", std::nullopt}, {"a", "b"}})));
    CHECK_FALSE(are_alike(one, answer({{"a", "b"}})));
    CHECK_FALSE(are_alike(one, answer({{"a", "b"}, {"a", "b"}})));
    CHECK_FALSE(are_alike(one, answer({{"a", "b"}, {"c", ""}})));
    CHECK_FALSE(are_alike(answer({{"ab", ""}}), answer({{"a", "b"}})));
    CHECK(are_alike(answer({}), answer({})));
}

TEST_CASE("columns are compared where both are known, and a cut answer is like no other") {
    const std::vector<Row> all{{"1"}};
    CHECK(are_alike(answer(all, columns("n", 23)), answer(all)));
    CHECK(are_alike(answer(all, columns("n", 23)), answer(all, columns("n", 23))));
    CHECK_FALSE(are_alike(answer(all, columns("n", 23)), answer(all, columns("m", 23))));
    CHECK_FALSE(are_alike(answer(all, columns("n", 23)), answer(all, columns("n", 20))));
    auto cut = answer(all);
    cut.is_cut = true;
    CHECK_FALSE(are_alike(answer(all), cut));
}

TEST_CASE("bytes that are no answer are refused") {
    CHECK_FALSE(rows_of(*result("", "D")));
    CHECK_FALSE(rows_of(*result("", std::string("D\0\0\1\0", 5))));
    CHECK_FALSE(rows_of(*result("Tnonsense", rows({}))));
}

TEST_CASE("a difference is shown within bounds, and its summary holds no value") {
    const auto shown = difference(answer({{"same"}, {"old\n"}}), answer({{"same"}, {"new"}, {std::nullopt}}));
    CHECK(shown.kept == "(old?)");
    CHECK((shown.server.find("(new)") != std::string::npos && shown.server.find("(NULL)") != std::string::npos));
    CHECK(shown.summary == "2 rows were kept, the server has 3; 1 are only in the kept answer, 2 only in the server's");
    std::vector<Row> many;
    const std::string large(5'000, 'x');
    for (int i = 0; i < 100; ++i) many.push_back({Bytes(large)});
    const auto bounded = difference(answer(many), answer({}));
    CHECK(bounded.kept.size() <= kShownBytesMax + 10);
    CHECK(bounded.server == "no other rows");
    CHECK(difference(answer({}, columns("a", 1)), answer({}, columns("b", 1))).summary.find("columns differ") != std::string::npos);
}
