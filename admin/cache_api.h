// The part of /api/v1 that is about the cache and the relations by which it is kept fresh.
// Threads: any.
#pragma once

#include "admin/http_request.h"

namespace larder::admin {

HttpReply answer_cache(const HttpRequest& request, const Sources& sources);           // its numbers
HttpReply answer_cache_entries(const HttpRequest& request, const Sources& sources);   // limit, offset, sort (bytes, hits, age), relation
HttpReply answer_cache_purge(const HttpRequest& request, const Sources& sources);     // relation, tag or fingerprint, with it perhaps database; without: all
HttpReply answer_relations(const HttpRequest& request, const Sources& sources);       // limit, offset

}  // namespace larder::admin
