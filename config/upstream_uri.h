// Where PostgreSQL is, written as libpq reads it: a URI, or keywords and values; what is missing comes from libpq's
// environment variables. https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"

namespace larder::config {

// Reads an environment variable; null if it is not set.
using Environment = std::function<const char*(const char*)>;

// Sets hosts, user, password, database, tls, tls_ca_file and connect_timeout of `upstream` from upstream.uri (which may be
// empty) and the environment. An option that Larder cannot honour is refused, not ignored. Throws std::invalid_argument
// with a message that holds no password.
void resolve_upstream(Upstream& upstream, const Environment& environment);

std::optional<TlsMode> parse_tls_mode(std::string_view text);
std::string_view name(TlsMode mode);

// Keywords and values for libpq: the login of Larder itself, to this database (empty: the upstream's own), with this search_path (names
// with commas; empty: the login's own). Holds the password: never to be shown.
std::string conninfo(const Upstream& upstream, const std::string& database, const std::string& search_path);

// As a URI, with *** for the password.
std::string print_upstream(const Upstream& upstream);

}  // namespace larder::config
