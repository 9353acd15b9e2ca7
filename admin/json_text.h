// JSON as text for people and programs: like Boost.JSON's serialize(), but numbers are written without an exponent where
// that is short (0.5, not 5E-1), and text that is not UTF-8 becomes question marks, so that the document is always valid.
//
// Numbers that JSON does not have (infinity, not a number) become null. Threads: any.
#pragma once

#include <string>

#include <boost/json/value.hpp>

namespace larder::admin {

std::string json_text(const boost::json::value& value);

}  // namespace larder::admin
