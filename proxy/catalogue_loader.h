// Reads one database's system catalogue into rows, as rules/catalogue.h defines them.
//
// Everything is read in one REPEATABLE READ READ ONLY transaction of its own under `search_path = ''`, so that names in
// the queries can only be pg_catalog's and those in the definitions of views come qualified. pg_get_viewdef() alone looks
// past the snapshot; what it sees too early is DDL that moves the catalogue counter, or that the next poll finds.
//
// Threads: blocking; the catalogue service's own.
#pragma once

#include <stdexcept>
#include <string>

#include <libpq-fe.h>

#include "proxy/session/upstream_state.h"
#include "rules/catalogue.h"

namespace larder::proxy {

// The catalogue could not be read: the query's name and PostgreSQL's message. The connection is outside a transaction
// again, unless it is lost.
class CatalogueLoadError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// `connection` must be idle. Throws CatalogueLoadError.
rules::CatalogueRows load_catalogue_rows(PGconn* connection);

// Which relation each file of this database belongs to; of catalogues too. Throws CatalogueLoadError.
session::RelationFiles load_relation_files(PGconn* connection);

// What rows.state_digest will be: changes with every change of anything that facts or privileges depend on, and costs a
// small part of a load. Equal digests of one database mean equal rows. Throws CatalogueLoadError.
std::string load_catalogue_digest(PGconn* connection);

}  // namespace larder::proxy
