// Values of key columns in a form in which equal values are equal bytes, so that a hash of them names a row.
//
// Known are only values of which it is sure how PostgreSQL compares and stores them: int2, int4 and int8 by value; bool; uuid;
// text and varchar under a deterministic collation by their bytes. Anything that is not as PostgreSQL itself would
// write it (' 7', '+7', '007') is not known: whoever asks then takes the coarser counter.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "sql/facts.h"

namespace larder::rules {

enum class KeyType : std::uint8_t {
    none,      // not a type whose values are known
    integer,   // int2, int4, int8
    boolean,
    uuid,
    text,      // text, varchar
};

// By the type's OID.
KeyType key_type(Oid type);

// One column's value in a key.
struct KeyPart {
    KeyType type = KeyType::none;
    int parameter = 0;            // from 1: it comes with Bind; 0: `bytes` is the value
    bool takes_column_type = false;  // an undeclared parameter has the type of the column, since it stands nowhere else
    bool is_array = false;           // the parameter is an array: each of its elements is meant, by array_elements()
    bool is_any_text = false;        // text as it comes is text as it is stored; else only ASCII is
    int bytes_max = -1;              // of what is stored in a varchar(n): more may be cut
    std::string bytes;
};

// How texts and their values relate to what the server stores.
struct ValueScope {
    bool is_same_encoding = false;   // parameters arrive as they are stored
    bool is_utf8 = false;            // and constants do: escapes in the text mean Unicode
    bool is_catalog_first = false;   // a type's plain name means pg_catalog's
};

// The part for a value in the text, or nothing if it is not known. `facts`: of the statement in which it stands.
// `is_stored`: it becomes the column's value (bytes_max counts), not something that the column is compared with.
std::optional<KeyPart> key_part(const sql::Value& value, KeyType type, int bytes_max, bool is_stored, const sql::Facts& facts, const ValueScope& scope);

// A parameter as Bind brings it. Null: NULL.
struct Parameter {
    Oid type = 0;                    // as declared; 0: not
    bool is_binary = false;
    std::optional<Bytes> value;
};

// Appends what the part stands for, so that no two different values (of the same types) append the same. False: not known, or an
// array; then `out` is spoilt. `parameters` may be empty: none are known.
bool append_value(std::string& out, const KeyPart& part, const std::vector<Parameter>& parameters);

// What append_value() would append for each element of the array that the part stands for; NULLs, which equal nothing, are left out. Nothing: not known,
// or more elements than `elements_max`. Source: the input syntax of arrays in PostgreSQL's documentation (8.15.6), array_send() for their binary form.
std::optional<std::vector<std::string>> array_elements(const KeyPart& part, const std::vector<Parameter>& parameters,
                                                       std::size_t elements_max);

}  // namespace larder::rules
