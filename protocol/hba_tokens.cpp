#include "protocol/hba_tokens.h"

#include <utility>

namespace larder::protocol {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v'; }

// One line, or several that a backslash joins.
std::string take_line(Bytes& text, int& line) {
    std::string joined;
    for (;;) {
        const auto end = text.find('\n');
        auto piece = text.substr(0, end);
        text.remove_prefix(end == Bytes::npos ? text.size() : end + 1);
        ++line;
        if (piece.ends_with('\r')) piece.remove_suffix(1);
        if (!piece.ends_with('\\') || text.empty()) {
            joined += piece;
            return joined;
        }
        joined += piece.substr(0, piece.size() - 1);
    }
}

// Reads words off the front of a line.
class Scanner {
public:
    explicit Scanner(Bytes text) : text_(text) {}

    // False: the line, or what of it is no comment, is over.
    bool skip_to_field() {
        while (!text_.empty() && (is_blank(text_[0]) || text_[0] == ',')) text_.remove_prefix(1);
        return !text_.empty() && text_[0] != '#';
    }

    // False: a quotation mark is open at the end.
    bool take_field(HbaField& field) {
        for (;;) {
            HbaWord word;
            if (!take_word(word)) return false;
            field.push_back(std::move(word));
            if (text_.empty() || text_[0] != ',') return true;
            // A comma goes on with the list, over blanks, too.
            if (!skip_to_field()) return true;
        }
    }

private:
    // Up to a blank, a comma or a comment outside of quotation marks.
    bool take_word(HbaWord& word) {
        bool is_in_quotes = false;
        word.is_quoted = text_.starts_with('"');
        while (!text_.empty()) {
            const char c = text_[0];
            if (!is_in_quotes && (is_blank(c) || c == ',' || c == '#')) break;
            text_.remove_prefix(1);
            // Inside, a doubled one stands for one.
            const bool is_doubled = is_in_quotes && c == '"' && text_.starts_with('"');
            if (is_doubled) text_.remove_prefix(1);
            if (c == '"' && !is_doubled) is_in_quotes = !is_in_quotes;
            else word.text.push_back(c);
        }
        return !is_in_quotes;
    }

    Bytes text_;
};

}  // namespace

std::optional<HbaLine> next_hba_line(Bytes& text, int& line, const char*& problem) {
    while (!text.empty()) {
        HbaLine out;
        out.line = line + 1;
        const std::string joined = take_line(text, line);
        Scanner scanner(joined);
        while (scanner.skip_to_field()) {
            if (scanner.take_field(out.fields.emplace_back())) continue;
            line = out.line;
            problem = "a quotation mark is open at the end of the line";
            return std::nullopt;
        }
        if (!out.fields.empty()) return out;
    }
    return std::nullopt;
}

}  // namespace larder::protocol
