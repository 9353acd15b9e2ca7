#include "advisor/without_values.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "config/rule_command.h"
#include "sql/analyse.h"
#include "sql/hide_constants.h"

namespace larder::advisor {

namespace {

constexpr std::string_view kHidden = "…";

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' || static_cast<unsigned char>(c) >= 0x80; }

// Reads a sentence from left to right and leaves values out.
class Sentence {
public:
    explicit Sentence(const std::string& text) : text_(text) {}

    std::string hidden() {
        while (at_ < text_.size()) step();
        return std::move(out_);
    }

private:
    void step() {
        if (opens_string()) hide_quoted('\'');
        else if (opens_value()) hide_quoted('"');
        else if (is_digit(text_[at_]) && !follows_word()) hide_number();
        else out_ += text_[at_++];
    }

    bool follows_word() const { return at_ > 0 && is_word(text_[at_ - 1]); }
    // Not an apostrophe, which stands behind a letter; E'…' and the like are strings.
    bool opens_string() const {
        if (text_[at_] != '\'') return false;
        const bool is_marked = at_ > 0 && std::string_view("EeBbXx").find(text_[at_ - 1]) != std::string_view::npos && (at_ == 1 || !is_word(text_[at_ - 2]));
        return !follows_word() || is_marked;
    }
    // PostgreSQL's: invalid input syntax for type integer: "abc".
    bool opens_value() const { return text_[at_] == '"' && at_ >= 2 && text_[at_ - 1] == ' ' && text_[at_ - 2] == ':'; }

    // To the closing quote, or to the end if there is none.
    void hide_quoted(char quote) {
        for (++at_; at_ < text_.size(); ++at_) {
            if (text_[at_] != quote) continue;
            if (at_ + 1 >= text_.size() || text_[at_ + 1] != quote) break;
            ++at_;
        }
        at_ = std::min(at_ + 1, text_.size());
        (out_ += quote).append(kHidden) += quote;
    }

    // A number that something is compared with, and a date or a time; others are the advice's own.
    void hide_number() {
        const auto start = at_;
        bool is_date = false;
        for (; at_ < text_.size() && (is_word(text_[at_]) || is_inner(text_[at_])); ++at_) is_date = is_date || text_[at_] == '-' || text_[at_] == ':';
        if (is_date || is_compared(start)) out_ += kHidden;
        else out_.append(text_, start, at_ - start);
    }
    bool is_inner(char c) const { return (c == '.' || c == '-' || c == ':') && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]); }
    bool is_compared(std::size_t start) const {
        const auto before = std::string_view(text_).substr(0, start).find_last_not_of(" (-+[");
        if (before == std::string_view::npos) return false;
        const auto head = std::string_view(text_).substr(0, before + 1);
        for (const std::string_view word : {"=", "<", ">", "~", "@", "BETWEEN", "AND", "IN", "LIMIT", "OFFSET", "VALUES"}) {
            if (head.ends_with(word)) return true;
        }
        // The next of a list that was hidden.
        return head.ends_with(',') && out_.substr(0, out_.find_last_not_of(", ") + 1).ends_with(kHidden);
    }

    const std::string& text_;
    std::size_t at_ = 0;
    std::string out_;
};

}  // namespace

std::string statement_without_values(const std::string& sql) {
    if (sql.empty() || config::is_rule_command(sql)) return sql;
    auto text = sql::normalised(sql);
    if (text.empty()) text = sql::hide_constants(sql);
    return text.empty() ? "-- it cannot be shown without its values" : text;
}

// Behind WHERE, where no number has another meaning than that of a value.
std::string condition_without_values(const std::string& condition) {
    constexpr std::string_view kWhere = "where ";
    const auto text = sql::hide_constants(std::string(kWhere) + condition);
    return text.size() <= kWhere.size() ? std::string(kHidden) : text.substr(kWhere.size());
}

std::string sentence_without_values(const std::string& text) { return Sentence(text).hidden(); }

AdviceRow without_values(AdviceRow row) {
    row.plan = std::move(row.plan_without_values);
    for (auto& option : row.options) {
        for (auto* statements : {&option.run, &option.undo}) {
            for (auto& sql : *statements) sql = statement_without_values(sql);
        }
        option.rewrite = statement_without_values(option.rewrite);
        option.why = sentence_without_values(option.why);
        option.why_not_deployed = sentence_without_values(option.why_not_deployed);
    }
    return row;
}

SlowRow without_values(SlowRow row) {
    row.state = sentence_without_values(row.state);
    return row;
}

Deployment without_values(Deployment deployment) {
    for (auto* statements : {&deployment.order.deploy, &deployment.order.undo}) {
        for (auto& sql : *statements) sql = statement_without_values(sql);
    }
    for (auto& event : deployment.events) event.text = sentence_without_values(event.text);
    return deployment;
}

}  // namespace larder::advisor
