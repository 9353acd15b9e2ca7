#include "proxy/session/output_queue.h"

#include "base/check.h"

namespace larder::session {

namespace {
// Below this a copy costs less than one more piece of a gathering write and the reference count.
constexpr std::size_t kCopiedBytesMax = 4096;
// An idle connection's storage above this is given back.
constexpr std::size_t kKeptCapacityMax = 1024;
}  // namespace

void OutputQueue::append(Bytes bytes) { text_.append(bytes); }

std::string& OutputQueue::text() { return text_; }

void OutputQueue::close_text_segment() {
    if (text_open_ == text_.size()) return;
    segments_.push_back({Segment::Kind::text, text_open_, text_.size(), {}, {}});
    size_ += text_.size() - text_open_;
    text_open_ = text_.size();
}

void OutputQueue::append_borrowed(Bytes bytes) {
    if (bytes.empty()) return;
    close_text_segment();
    size_ += bytes.size();
    if (segments_.size() > first_) {
        auto& last = segments_.back();
        if (last.kind == Segment::Kind::borrowed && last.bytes.data() + last.bytes.size() == bytes.data()) {
            last.bytes = Bytes(last.bytes.data(), last.bytes.size() + bytes.size());
            return;
        }
    }
    segments_.push_back({Segment::Kind::borrowed, 0, 0, bytes, {}});
}

void OutputQueue::append_result(const cache::ResultRef& result, Bytes bytes) {
    if (bytes.size() <= kCopiedBytesMax) return append(bytes);
    close_text_segment();
    size_ += bytes.size();
    segments_.push_back({Segment::Kind::result, 0, 0, bytes, result});
}

bool OutputQueue::is_one_piece(Bytes& piece) const {
    const bool has_open_text = text_open_ < text_.size();
    if (segments_.size() - first_ + (has_open_text ? 1 : 0) != 1) return false;
    return pieces(&piece, 1) == 1;
}

std::size_t OutputQueue::pieces(Bytes* out, std::size_t max) const {
    std::size_t n = 0;
    for (std::size_t i = first_; i < segments_.size() && n < max; ++i) {
        const auto& segment = segments_[i];
        out[n++] = segment.kind == Segment::Kind::text ? Bytes(text_).substr(segment.begin, segment.end - segment.begin) : segment.bytes;
    }
    if (n < max && text_open_ < text_.size()) out[n++] = Bytes(text_).substr(text_open_);
    return n;
}

void OutputQueue::consume(std::size_t bytes) {
    while (bytes > 0 && first_ < segments_.size()) {
        auto& segment = segments_[first_];
        const auto length = segment.kind == Segment::Kind::text ? segment.end - segment.begin : segment.bytes.size();
        const auto taken = std::min(bytes, length);
        bytes -= taken;
        size_ -= taken;
        if (taken < length) {
            if (segment.kind == Segment::Kind::text) segment.begin += taken;
            else segment.bytes.remove_prefix(taken);
            return;
        }
        segment.result = {};
        ++first_;
    }
    LARDER_ASSERT(bytes <= text_.size() - text_open_);
    text_open_ += bytes;
    if (empty()) clear();
}

void OutputQueue::own() {
    bool has_borrowed = false;
    for (std::size_t i = first_; i < segments_.size(); ++i) has_borrowed |= segments_[i].kind == Segment::Kind::borrowed;
    if (!has_borrowed && first_ == 0) return;
    std::string text;
    std::vector<Segment> segments;
    text.reserve(size());
    for (std::size_t i = first_; i < segments_.size(); ++i) {
        auto& segment = segments_[i];
        if (segment.kind == Segment::Kind::result) {
            segments.push_back(std::move(segment));
            continue;
        }
        const auto bytes = segment.kind == Segment::Kind::text ? Bytes(text_).substr(segment.begin, segment.end - segment.begin) : segment.bytes;
        if (!segments.empty() && segments.back().kind == Segment::Kind::text) segments.back().end += bytes.size();
        else segments.push_back({Segment::Kind::text, text.size(), text.size() + bytes.size(), {}, {}});
        text.append(bytes);
    }
    const auto open = Bytes(text_).substr(text_open_);
    text_open_ = text.size();
    text.append(open);
    text_ = std::move(text);
    segments_ = std::move(segments);
    first_ = 0;
}

void OutputQueue::clear() {
    text_.clear();
    text_open_ = 0;
    segments_.clear();
    first_ = 0;
    size_ = 0;
}

void OutputQueue::release() {
    clear();
    if (text_.capacity() > kKeptCapacityMax) text_ = {};
    if (segments_.capacity() > 0) segments_ = {};
}

void OutputQueue::move_to(OutputQueue& other) {
    for (std::size_t i = first_; i < segments_.size(); ++i) {
        auto& segment = segments_[i];
        if (segment.kind == Segment::Kind::result) other.append_result(segment.result, segment.bytes);
        else if (segment.kind == Segment::Kind::text) other.append(Bytes(text_).substr(segment.begin, segment.end - segment.begin));
        else other.append(segment.bytes);
    }
    other.append(Bytes(text_).substr(text_open_));
    clear();
}

}  // namespace larder::session
