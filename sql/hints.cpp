#include "sql/hints.h"

#include <algorithm>
#include <charconv>

namespace larder::sql {

namespace {

constexpr Bytes kPrefix = "larder:";

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }
bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool continues_name(char c) { return starts_name(c) || is_digit(c) || c == '$'; }

// Yields one comment's inner text after the other, stepping over everything that could hold something like a comment.
class CommentFinder {
public:
    explicit CommentFinder(Bytes text) : text_(text) {}

    bool next(Bytes& comment) {
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '-' && peek(1) == '-') return line_comment(comment);
            if (c == '/' && peek(1) == '*') return block_comment(comment);
            if (c == '\'') {
                string(false);
            } else if (c == '"') {
                quoted('"');
            } else if (c == '$') {
                dollar();
            } else if (starts_name(c)) {
                name();
            } else if (is_digit(c)) {
                while (at_ < text_.size() && continues_name(text_[at_]) && text_[at_] != '$') ++at_;
            } else {
                ++at_;
            }
        }
        return false;
    }

private:
    char peek(std::size_t ahead) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

    bool line_comment(Bytes& comment) {
        const std::size_t begin = at_ + 2;
        at_ = std::min(text_.find_first_of("\r\n", begin), text_.size());
        comment = text_.substr(begin, at_ - begin);
        return true;
    }

    // Block comments nest. An unterminated one is no comment: PostgreSQL will refuse the text.
    bool block_comment(Bytes& comment) {
        const std::size_t begin = at_ + 2;
        at_ = begin;
        for (int depth = 1; at_ < text_.size();) {
            if (text_[at_] == '/' && peek(1) == '*') {
                ++depth;
                at_ += 2;
            } else if (text_[at_] == '*' && peek(1) == '/') {
                at_ += 2;
                if (--depth == 0) {
                    comment = text_.substr(begin, at_ - 2 - begin);
                    return true;
                }
            } else {
                ++at_;
            }
        }
        return false;
    }

    // 'it''s', or with backslashes E'it\'s'. A literal may go on after a line break, in the same manner.
    void string(bool has_escapes) {
        for (;;) {
            if (has_escapes) {
                escaped();
            } else {
                quoted('\'');
            }
            std::size_t ahead = at_;
            bool has_break = false;
            for (; ahead < text_.size() && is_blank(text_[ahead]); ++ahead) has_break = has_break || text_[ahead] == '\n' || text_[ahead] == '\r';
            if (!has_break || ahead >= text_.size() || text_[ahead] != '\'') return;
            at_ = ahead;
        }
    }

    void quoted(char quote) {
        for (++at_; at_ < text_.size(); ++at_) {
            if (text_[at_] != quote) continue;
            ++at_;
            if (peek(0) != quote) return;
        }
    }

    void escaped() {
        for (++at_; at_ < text_.size(); ++at_) {
            if (text_[at_] == '\\') {
                ++at_;
            } else if (text_[at_] == '\'') {
                ++at_;
                if (peek(0) != '\'') return;
            }
        }
        at_ = std::min(at_, text_.size());
    }

    // $$…$$ or $tag$…$tag$; else a parameter or a stray character.
    void dollar() {
        std::size_t end = at_ + 1;
        if (end < text_.size() && starts_name(text_[end]))
            while (end < text_.size() && (starts_name(text_[end]) || is_digit(text_[end]))) ++end;
        if (end >= text_.size() || text_[end] != '$') {
            ++at_;
            return;
        }
        const Bytes tag = text_.substr(at_, end + 1 - at_);
        const std::size_t close = text_.find(tag, end + 1);
        at_ = close == Bytes::npos ? text_.size() : close + tag.size();
    }

    // A name takes its dollar signs with it, so that a$b$ opens no literal. A lone e before a quote makes an E'' literal.
    void name() {
        const std::size_t begin = at_;
        while (at_ < text_.size() && continues_name(text_[at_])) ++at_;
        if (at_ - begin == 1 && (text_[begin] == 'e' || text_[begin] == 'E') && peek(0) == '\'') string(true);
    }

    Bytes text_;
    std::size_t at_ = 0;
};

bool equals_folded(Bytes text, Bytes lower_case) {
    return std::equal(text.begin(), text.end(), lower_case.begin(), lower_case.end(),
                      [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; });
}

std::optional<std::chrono::milliseconds> read_duration(Bytes text) {
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc() || count < 0) return std::nullopt;
    const Bytes unit = text.substr(static_cast<std::size_t>(end - text.data()));
    std::int64_t unit_ms = 0;
    if (equals_folded(unit, "ms")) unit_ms = 1;
    if (equals_folded(unit, "s")) unit_ms = 1000;
    if (equals_folded(unit, "m") || equals_folded(unit, "min")) unit_ms = 60 * 1000;
    if (equals_folded(unit, "h")) unit_ms = 60 * 60 * 1000;
    if (equals_folded(unit, "d")) unit_ms = 24 * 60 * 60 * 1000;
    if (unit_ms == 0 || count > kHintTtlMax.count() / unit_ms) return std::nullopt;
    return std::chrono::milliseconds(count * unit_ms);
}

bool is_tag(Bytes text) {
    return !text.empty() && text.size() <= kHintTagBytesMax && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '-' || c == '.' || c == ':' || c == '/';
    });
}

void read_duration_up_to(std::chrono::milliseconds most, Bytes value, std::optional<std::chrono::milliseconds>& to, const char* wanted, Hints& hints) {
    const auto duration = read_duration(value);
    if (duration && *duration <= most) to = duration;
    else hints.error = wanted;
}

void read_item(Bytes item, Hints& hints) {
    const std::size_t equals = item.find('=');
    const Bytes key = item.substr(0, equals);
    const Bytes value = equals == Bytes::npos ? Bytes() : item.substr(equals + 1);
    if (equals_folded(item, "off")) {
        hints.off = true;
    } else if (equals_folded(key, "ttl")) {
        read_duration_up_to(kHintTtlMax, value, hints.ttl, "ttl wants a number and a unit (ms, s, min, h, d) and at most a year", hints);
    } else if (equals_folded(key, "max_stale")) {
        read_duration_up_to(kHintMaxStaleMax, value, hints.max_stale, "max_stale wants a number and a unit (ms, s, min, h, d) and at most a day", hints);
    } else if (equals_folded(key, "freshness")) {
        const auto level = parse_freshness_level(value);
        if (level) hints.freshness = level;
        else hints.error = "freshness wants strict, bounded or barrier";
    } else if (equals_folded(key, "tag")) {
        if (!is_tag(value)) {
            hints.error = "tag wants up to 64 letters, digits, or any of _ - . : /";
        } else if (std::find(hints.tags.begin(), hints.tags.end(), value) == hints.tags.end()) {
            if (hints.tags.size() < kHintTagsMax) {
                hints.tags.emplace_back(value);
            } else {
                hints.error = "more than 16 tags";
            }
        }
    } else {
        hints.error = "unknown hint, known are off, ttl=…, max_stale=…, freshness=… and tag=…";
    }
}

void read_hint(Bytes comment, Hints& hints) {
    while (!comment.empty() && is_blank(comment.front())) comment.remove_prefix(1);
    if (!equals_folded(comment.substr(0, kPrefix.size()), kPrefix)) return;
    comment.remove_prefix(kPrefix.size());
    hints.is_present = true;
    bool is_empty = true;
    const auto is_separator = [](char c) { return is_blank(c) || c == ',' || c == ';'; };
    while (!comment.empty()) {
        const auto end = std::find_if(comment.begin(), comment.end(), is_separator);
        const auto length = static_cast<std::size_t>(end - comment.begin());
        if (length > 0) {
            read_item(comment.substr(0, length), hints);
            is_empty = false;
        }
        comment.remove_prefix(std::min(length + 1, comment.size()));
    }
    if (is_empty) hints.error = "the hint is empty";
}

bool mentions_larder(Bytes text) {
    for (std::size_t colon = text.find(':'); colon != Bytes::npos; colon = text.find(':', colon + 1))
        if (colon + 1 >= kPrefix.size() && equals_folded(text.substr(colon + 1 - kPrefix.size(), kPrefix.size()), kPrefix)) return true;
    return false;
}

}  // namespace

Hints find_hints(Bytes text) {
    Hints hints;
    if (!mentions_larder(text)) return hints;
    CommentFinder finder(text);
    for (Bytes comment; finder.next(comment);) read_hint(comment, hints);
    return hints;
}

}  // namespace larder::sql
