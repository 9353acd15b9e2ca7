#include "proxy/session/sequence_watch.h"

#include <algorithm>

namespace larder::session {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || static_cast<unsigned char>(c) >= 0x80; }

// Past the string that begins at `at`; '' inside it is the end of one and the beginning of another.
std::size_t end_of_string(Bytes text, std::size_t at) {
    const auto end = text.find('\'', at + 1);
    return end == Bytes::npos ? text.size() : end + 1;
}

}  // namespace

std::uint64_t skeleton_of(Bytes text) {
    constexpr std::uint64_t kOffset = 0xcbf29ce484222325, kPrime = 0x100000001b3;  // FNV-1a
    std::uint64_t hash = kOffset;
    const auto add = [&](char c) { hash = (hash ^ static_cast<unsigned char>(c)) * kPrime; };
    char before = ' ';
    for (std::size_t at = 0; at < text.size();) {
        const char c = text[at];
        if (c == '\'') {
            at = end_of_string(text, at);
            if (before != '\'') add('\'');
        } else if (is_digit(c) && !is_word(before)) {
            while (at < text.size() && (is_word(text[at]) || text[at] == '.')) ++at;
            add('0');
        } else {
            add(c);
            ++at;
        }
        before = c;
    }
    return hash == 0 ? 1 : hash;
}

std::uint32_t SequenceWatch::turn_to(std::uint64_t skeleton, std::uint64_t record, Instant now, bool is_in_block) {
    const auto goes_on = [&](const Row& row) {
        return row.skeleton == skeleton && now.us - row.at_us <= kPauseUsMax && position_ - row.position <= kBetweenMax + 1;
    };
    const auto found = is_in_block ? std::find_if(rows_.begin() + 1, rows_.end(), goes_on) : rows_.end();
    Row row{skeleton, record, now.us - rows_.front().at_us <= kPauseUsMax ? rows_.front().record : 0, now.us, position_, 1};
    if (rows_.front().skeleton == skeleton) row.before = 0;  // after a pause
    if (found != rows_.end()) {
        row.before = found->before;
        row.length = found->length + 1;
    }
    const auto place = found != rows_.end() ? found : rows_.end() - 1;
    std::move_backward(rows_.begin(), place, place + 1);
    rows_.front() = row;
    return row.length;
}

}  // namespace larder::session
