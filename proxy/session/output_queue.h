// Bytes on their way to a socket: copied small pieces, borrowed ranges of the read buffer, and cached results by
// reference, in order. The I/O layer writes it with one gathering write, then calls own() if something is left.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "cache/result.h"

namespace larder::session {

class OutputQueue {
public:
    // Copies `bytes`; for everything small.
    void append(Bytes bytes);
    // The storage to append a message to directly (a MessageWriter's target). The pointer is good until the next call.
    std::string& text();
    // Refers to `bytes`, which must stay alive until the queue was written or own() was called: ranges of the buffer that
    // the caller of the session is reading from. Adjacent ranges become one.
    void append_borrowed(Bytes bytes);
    // Refers to bytes inside a cached result and keeps it alive. Small ones are copied, since that is cheaper.
    void append_result(const cache::ResultRef& result, Bytes bytes);

    bool empty() const { return size() == 0; }
    std::size_t size() const { return size_ + (text_.size() - text_open_); }  // bytes not yet consumed
    // True: `piece` is all there is.
    bool is_one_piece(Bytes& piece) const;
    // Up to `max` pieces for writev, from the front. Returns their number.
    std::size_t pieces(Bytes* out, std::size_t max) const;
    void consume(std::size_t bytes);          // they were written
    void own();                               // copies borrowed ranges, whose buffer is about to be reused
    void clear();                             // keeps capacity
    void release();                           // gives memory back, for idle connections
    // Moves everything that is left to the end of `other`. Borrowed ranges are copied.
    void move_to(OutputQueue& other);

private:
    struct Segment {
        enum class Kind : unsigned char { text, borrowed, result } kind;
        std::size_t begin = 0, end = 0;       // text: offsets in text_
        Bytes bytes;                          // borrowed, result
        cache::ResultRef result;
    };
    void close_text_segment();

    std::string text_;
    std::size_t text_open_ = 0;               // text_ from here on belongs to no segment yet
    std::vector<Segment> segments_;
    std::size_t first_ = 0;                   // segments before it are consumed
    std::size_t size_ = 0;                    // of segments, without the open text
};

}  // namespace larder::session
