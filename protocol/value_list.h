// ValueList, FormatCodes, OidList: the repeated parts of messages, as views.
//
// read() checks the whole list once against the body; after that, iterating needs no checks and never allocates, be it
// 65535 parameters. All of them point into the message body and die with it. Threads: values, for one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>

#include "base/bytes.h"
#include "protocol/byte_reader.h"

namespace larder::protocol {

// Int16 count, then values of int32 length and bytes; length -1 is NULL. In Bind, FunctionCall and DataRow.
class ValueList {
public:
    using Value = std::optional<Bytes>;  // nullopt is SQL's NULL

    class Iterator {
    public:
        using iterator_category = std::forward_iterator_tag;
        using value_type = Value;
        using difference_type = std::ptrdiff_t;
        using pointer = const Value*;
        using reference = Value;

        Iterator() = default;
        explicit Iterator(const char* at) : at_(at) {}

        Value operator*() const {
            const auto length = static_cast<std::int32_t>(load_be32(at_));
            if (length < 0) return std::nullopt;
            return Bytes{at_ + 4, static_cast<std::size_t>(length)};
        }
        Iterator& operator++() {
            const auto length = static_cast<std::int32_t>(load_be32(at_));
            at_ += 4 + (length < 0 ? 0 : static_cast<std::size_t>(length));
            return *this;
        }
        Iterator operator++(int) {
            const Iterator before = *this;
            ++*this;
            return before;
        }
        friend bool operator==(Iterator, Iterator) = default;

    private:
        const char* at_ = nullptr;
    };

    ValueList() = default;

    static ValueList read(ByteReader& in) {
        ValueList list;
        list.size_ = in.u16();
        const char* const start = in.at();
        for (std::uint32_t i = 0; i < list.size_ && !in.failed(); ++i) {
            const std::int32_t length = in.i32();
            if (length >= 0) {
                in.bytes(static_cast<std::size_t>(length));
            } else if (length != -1) {
                in.fail(DecodeError::truncated);  // PostgreSQL, too, takes it for a length that is not there
            }
        }
        if (in.failed()) return {};
        list.raw_ = in.since(start);
        return list;
    }

    std::uint16_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    Iterator begin() const { return Iterator{raw_.data()}; }
    Iterator end() const { return Iterator{raw_.data() + raw_.size()}; }

    // Walks there; nullopt for NULL and for an index past the end.
    Value at(std::size_t index) const {
        if (index >= size_) return std::nullopt;
        return *std::next(begin(), static_cast<std::ptrdiff_t>(index));
    }

    // The values as they are on the wire, without the count: equal bytes are equal lists of the same size.
    Bytes raw() const { return raw_; }

private:
    Bytes raw_;
    std::uint16_t size_ = 0;
};

// Int16 count, then int16 codes: none means text for all, one holds for all, else one each.
class FormatCodes {
public:
    FormatCodes() = default;

    static FormatCodes read(ByteReader& in) {
        FormatCodes codes;
        codes.raw_ = in.bytes(std::size_t{in.u16()} * 2);
        return codes;
    }

    std::uint16_t size() const { return static_cast<std::uint16_t>(raw_.size() / 2); }
    std::uint16_t operator[](std::size_t index) const { return load_be16(raw_.data() + index * 2); }  // index < size()

    // The code of value `index`, by the rule above: 0 is text, 1 is binary, others are not known to PostgreSQL.
    std::uint16_t format_of(std::size_t index) const {
        if (size() == 0) return 0;
        if (size() == 1) return (*this)[0];
        return index < size() ? (*this)[index] : std::uint16_t{0};
    }
    // May these codes stand for that many values?
    bool fits(std::size_t values) const { return size() <= 1 || size() == values; }
    // Is each code 0 or 1? PostgreSQL refuses others with 22023 when it comes to use them.
    bool are_known() const {
        for (std::size_t i = 0; i < size(); ++i) {
            if ((*this)[i] > 1) return false;
        }
        return true;
    }
    Bytes raw() const { return raw_; }  // without the count

private:
    Bytes raw_;
};

// Int16 count, then type OIDs. In Parse and ParameterDescription.
class OidList {
public:
    OidList() = default;

    static OidList read(ByteReader& in) {
        OidList list;
        list.raw_ = in.bytes(std::size_t{in.u16()} * 4);
        return list;
    }

    std::uint16_t size() const { return static_cast<std::uint16_t>(raw_.size() / 4); }
    Oid operator[](std::size_t index) const { return load_be32(raw_.data() + index * 4); }  // index < size()
    Bytes raw() const { return raw_; }                                                       // without the count

private:
    Bytes raw_;
};

}  // namespace larder::protocol
