#include "sql/hide_constants.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <pg_query.h>

namespace larder::sql {

namespace {

// libpg_query's numbers for the tokens that matter (enum Token of its pg_query.proto).
enum : std::uint64_t { kFloat = 260, kString = 261, kUnicodeString = 262, kBits = 263, kHexBits = 264, kInteger = 266, kParameter = 267, kLineComment = 275, kBlockComment = 276 };

struct Token {
    std::size_t start = 0, end = 0;
    std::uint64_t kind = 0;
};

// The two kinds of field that a ScanResult is made of.
class Wire {
public:
    explicit Wire(std::string_view bytes) : bytes_(bytes) {}

    bool is_done() const { return at_ >= bytes_.size() || has_failed_; }
    bool has_failed() const { return has_failed_; }
    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64 && at_ < bytes_.size(); shift += 7) {
            const auto byte = static_cast<unsigned char>(bytes_[at_++]);
            value |= std::uint64_t{byte & 0x7fu} << shift;
            if (byte < 0x80) return value;
        }
        has_failed_ = true;
        return 0;
    }
    std::string_view piece() {
        const auto length = varint();
        if (length > bytes_.size() - at_) has_failed_ = true;
        if (has_failed_) return {};
        at_ += length;
        return bytes_.substr(at_ - length, length);
    }

private:
    std::string_view bytes_;
    std::size_t at_ = 0;
    bool has_failed_ = false;
};

std::optional<Token> token_of(std::string_view bytes) {
    constexpr std::uint64_t kStartField = 1, kEndField = 2, kTokenField = 4;
    Token token;
    for (Wire wire(bytes); !wire.is_done();) {
        const auto field = wire.varint() >> 3;
        const auto value = wire.varint();
        if (wire.has_failed()) return std::nullopt;
        if (field == kStartField) token.start = value;
        if (field == kEndField) token.end = value;
        if (field == kTokenField) token.kind = value;
    }
    return token;
}

std::optional<std::vector<Token>> tokens_of(const std::string& text) {
    constexpr std::uint64_t kTokensField = 2, kLengthDelimited = 2;
    const PgQueryScanResult result = pg_query_scan(text.c_str());
    std::optional<std::vector<Token>> tokens;
    if (!result.error) {
        tokens.emplace();
        std::size_t last = 0;
        for (Wire wire({result.pbuf.data, result.pbuf.len}); tokens && !wire.is_done();) {
            const auto tag = wire.varint();
            if ((tag & 7) != kLengthDelimited) { wire.varint(); continue; }
            const auto token = token_of(wire.piece());
            const bool is_fine = token && tag >> 3 == kTokensField && !wire.has_failed() && token->start >= last && token->end >= token->start && token->end <= text.size();
            if (is_fine) last = token->end, tokens->push_back(*token);
            else tokens.reset();
        }
    }
    pg_query_free_scan_result(result);
    return tokens;
}

constexpr std::string_view kBlanks = " \t\r\n\f\v";

// Between tokens there are blanks only. (Of U&'…' libpg_query's scanner does not tell where it ends.)
bool are_all(const std::string& text, const std::vector<Token>& tokens) {
    std::size_t at = 0;
    const auto is_blank = [&](std::size_t end) { return std::string_view(text).substr(at, end - at).find_first_not_of(kBlanks) == std::string_view::npos; };
    for (const auto& token : tokens) {
        if (!is_blank(token.start)) return false;
        at = token.end;
    }
    return is_blank(text.size());
}

bool is_comment(const Token& token) { return token.kind == kLineComment || token.kind == kBlockComment; }

bool is_changed_data_or_query(std::string_view first) {
    std::string word(first);
    for (char& c : word) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    constexpr std::array<std::string_view, 8> kWords{"select", "with", "insert", "update", "delete", "merge", "values", "("};
    return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

unsigned highest_parameter(const std::string& text, const std::vector<Token>& tokens) {
    unsigned highest = 0;
    for (const auto& token : tokens) {
        unsigned number = 0;
        if (token.kind == kParameter) std::from_chars(text.data() + token.start + 1, text.data() + token.end, number);
        highest = std::max(highest, number);
    }
    return highest;
}

}  // namespace

std::string hide_constants(const std::string& text) {
    const auto tokens = tokens_of(text);
    if (!tokens || !are_all(text, *tokens)) return {};
    const auto first = std::find_if(tokens->begin(), tokens->end(), [](const auto& token) { return !is_comment(token); });
    const bool keeps_numbers = first != tokens->end() && is_changed_data_or_query({text.data() + first->start, first->end - first->start});
    std::uint64_t parameter = highest_parameter(text, *tokens);
    std::string out;
    std::size_t at = 0;
    for (const auto& token : *tokens) {
        const bool is_string = token.kind >= kString && token.kind <= kHexBits;
        const bool is_number = token.kind == kFloat || token.kind == kInteger;
        out.append(text, at, token.start - at);
        at = token.end;
        if (is_comment(token)) out += out.empty() || out.back() == ' ' ? "" : " ";
        else if (is_string || (is_number && !keeps_numbers)) out += "$" + std::to_string(++parameter);
        else out.append(text, token.start, token.end - token.start);
    }
    out.append(text, at);
    constexpr std::string_view kAround = " \t\r\n\f\v;";
    out.erase(out.find_last_not_of(kAround) + 1);
    return out.erase(0, std::min(out.find_first_not_of(kAround), out.size()));
}

}  // namespace larder::sql
