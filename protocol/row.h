// RowDescription and DataRow: results.
//
// decode() checks the whole message once; iterating is then unchecked and allocates nothing. Views die with the body.
// Threads: values, for one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>

#include "base/bytes.h"
#include "protocol/decode_error.h"
#include "protocol/value_list.h"

namespace larder::protocol {

// One column of a result.
struct Field {
    Bytes name;
    Oid table = 0;           // 0: not a plain column
    std::int16_t column = 0;  // its attnum there
    Oid type = 0;
    std::int16_t type_bytes = 0;      // negative: variable width
    std::int32_t type_modifier = -1;  // -1: none
    std::uint16_t format = 0;         // 0 text, 1 binary; 0 also when a statement is described, and not yet decided

    friend bool operator==(const Field&, const Field&) = default;
};

class RowDescription {
public:
    static constexpr char kType = 'T';

    class Iterator {
    public:
        using iterator_category = std::forward_iterator_tag;
        using value_type = Field;
        using difference_type = std::ptrdiff_t;
        using pointer = const Field*;
        using reference = Field;

        Iterator() = default;
        explicit Iterator(const char* at) : at_(at) {}
        Field operator*() const;
        Iterator& operator++();
        Iterator operator++(int) {
            const Iterator before = *this;
            ++*this;
            return before;
        }
        friend bool operator==(Iterator, Iterator) = default;

    private:
        const char* at_ = nullptr;
    };

    static Decoded<RowDescription> decode(Bytes body);
    void append_to(std::string& out) const;

    std::uint16_t size() const { return size_; }
    Iterator begin() const { return Iterator{raw_.data()}; }
    Iterator end() const { return Iterator{raw_.data() + raw_.size()}; }
    Bytes raw() const { return raw_; }  // without the count

private:
    Bytes raw_;
    std::uint16_t size_ = 0;
};
void append_row_description(std::string& out, std::span<const Field> fields);

struct DataRow {
    static constexpr char kType = 'D';
    ValueList values;

    static Decoded<DataRow> decode(Bytes body);
    void append_to(std::string& out) const;
};
void append_data_row(std::string& out, std::span<const ValueList::Value> values);

}  // namespace larder::protocol
