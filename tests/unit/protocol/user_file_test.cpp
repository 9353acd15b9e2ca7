#include "protocol/user_file.h"

#include <catch2/catch.hpp>

namespace larder::protocol {
namespace {

constexpr Bytes kSaltSecret = "0123456789abcdef0123456789abcdef";

std::shared_ptr<const UserFile> parse(Bytes text) {
    UserFileError error;
    auto file = UserFile::parse(text, kSaltSecret, error);
    INFO(error.line << ": " << error.problem);
    REQUIRE(file != nullptr);
    return file;
}

UserFileError refusal(Bytes text) {
    UserFileError error;
    CHECK(UserFile::parse(text, kSaltSecret, error) == nullptr);
    return error;
}

TEST_CASE("a user file has one user a line, with comments, blanks and doubled quotation marks") {
    const auto file = parse("; comment\n# another\n\n  \"anna\"\t\"pencil\" \r\n\"b\"\"o\" \"a\"\"b\" ; his\n\"none\" \"\"");
    CHECK(file->size() == 3);
    CHECK(file->find("anna")->text() == "pencil");
    CHECK(file->find("b\"o")->text() == "a\"b");
    CHECK(file->find("none")->kind() == UserSecret::Kind::none);
    CHECK(file->find("none")->verifier() == nullptr);
    CHECK(file->find("Anna") == nullptr);
}

TEST_CASE("the kind of a secret is told by its form") {
    const auto verifier = ScramVerifier::from_password("pencil", "0123456789abcdef", 64)->to_string();
    const auto file = parse("\"s\" \"" + verifier + "\"\n\"m\" \"md5d41d8cd98f00b204e9800998ecf8427e\"\n\"p\" \"md5short\"\n\"q\" \"md5D41D8CD98F00B204E9800998ECF8427E\"");
    CHECK(file->find("s")->kind() == UserSecret::Kind::scram);
    CHECK(file->find("s")->verifier()->to_string() == verifier);
    CHECK(file->find("m")->kind() == UserSecret::Kind::md5);
    CHECK(file->find("m")->verifier() == nullptr);
    CHECK(file->find("p")->kind() == UserSecret::Kind::plain);
    CHECK(file->find("q")->kind() == UserSecret::Kind::plain);
}

TEST_CASE("a plain secret's verifier is derived once, and its salt is the one of the unknown user of that name") {
    const auto file = parse("\"anna\" \"pencil\"");
    const auto secret = file->find("anna");
    const auto* const verifier = secret->verifier();
    REQUIRE(verifier != nullptr);
    CHECK(secret->verifier() == verifier);
    CHECK(verifier->to_string() == ScramVerifier::from_password("pencil", verifier->salt, kScramIterationsDefault)->to_string());
    CHECK(verifier->salt == ScramVerifier::mock("anna", kSaltSecret)->salt);
}

TEST_CASE("what is wrong with a user file is told by its line and without its content") {
    const auto check = [](Bytes text, int line, Bytes problem) {
        const auto error = refusal(text);
        CHECK(error.line == line);
        CHECK(error.problem == problem);
        CHECK(error.problem.find("hush") == std::string::npos);
    };
    check("\n\"a\" \"hush\"\nb hush", 3, "a user name in quotation marks is missing");
    check("\"\" \"hush\"", 1, "a user name in quotation marks is missing");
    check("\"a\" hush", 1, "a secret in quotation marks is missing");
    check("\"a\" \"hush", 1, "a secret in quotation marks is missing");
    check("\"a\" \"hush\" \"hush\"", 1, "something stands behind the secret");
    check("\"a\" \"hush\"\n\"a\" \"hush\"", 2, "this user has a line already");
    check("\"a\" \"SCRAM-SHA-256$hush\"", 1, "the SCRAM-SHA-256 verifier is not complete");
    check("\"" + std::string(64, 'a') + "\" \"hush\"", 1, "the user name is longer than 63 bytes");
    check("\"a\" \"" + std::string(1025, 'x') + "\"", 1, "the secret is longer than 1024 bytes");
    check(std::string("\"a\" \"hu\0sh\"", 11), 0, "the file holds a zero byte");
    auto costly = *ScramVerifier::from_password("hush", "0123456789abcdef", 1);
    costly.iterations = kScramIterationsMax + 1;
    check("\"a\" \"" + costly.to_string() + "\"", 1, "the SCRAM-SHA-256 verifier has more than a million iterations");
}

TEST_CASE("a user whose secret is the same after a reload keeps the verifier that was derived") {
    const auto before = parse("\"anna\" \"pencil\"\n\"bert\" \"pencil\"");
    const auto* const verifier = before->find("anna")->verifier();
    UserFileError error;
    const auto after = UserFile::parse("\"anna\" \"pencil\"\n\"bert\" \"eraser\"\n\"carl\" \"pencil\"", kSaltSecret, error, before.get());
    REQUIRE(after != nullptr);
    CHECK(after->find("anna")->verifier() == verifier);
    CHECK(after->find("bert")->text() == "eraser");
    CHECK(after->find("carl")->verifier()->salt != verifier->salt);
}

TEST_CASE("a secret outlives the file that it was read from") {
    auto file = parse("\"anna\" \"pencil\"");
    const auto secret = file->find("anna");
    file.reset();
    CHECK(secret->text() == "pencil");
}

}  // namespace
}  // namespace larder::protocol
