// What the HTTP server answers, without any socket: method and target in, status and body out.
// Threads: any.
#pragma once

#include <string>
#include <string_view>

#include "base/advice.h"
#include "base/events.h"
#include "base/settings.h"
#include "base/snapshot.h"
#include "base/traffic.h"
#include "base/verification.h"
#include "config/rule_book.h"

namespace larder::admin {

struct HttpReply {
    int status = 200;
    std::string content_type = {};  // empty: there is no body
    std::string body = {};
    std::string allow = {};         // with status 405
    std::string etag = {};          // with what was read: of these bytes
};

// The headers by which a request is conditional (RFC 9110, 13.1); empty: the header is not there.
struct Conditions {
    std::string_view if_match = {}, if_none_match = {};
};

// What whoever asks may do; each may what those before it may.
enum class Access : std::uint8_t { none, read, change };

class Webhooks;

// Where the answers come from.
struct Sources {
    Sources(SnapshotSource& source) : snapshot(source) {}  // NOLINT: where nothing else is asked for
    Sources(SnapshotSource& source, const StatementSource* statements, AdviceSource* advisor, config::RuleBook* rule_book, std::string bearer_token)
        : snapshot(source), traffic(statements), advice(advisor), rules(rule_book), token(std::move(bearer_token)) {}

    SnapshotSource& snapshot;
    const StatementSource* traffic = nullptr;  // null: there is none, and what asks for it is answered 404
    AdviceSource* advice = nullptr;            // the same
    config::RuleBook* rules = nullptr;         // the same
    SettingsSource* settings = nullptr;        // the same
    Verification* checks = nullptr;            // the same
    EventBus* events = nullptr;                // the same
    const Webhooks* webhooks = nullptr;        // the same
    std::string token;                         // that whoever changes something has to show; empty: nobody may by a token
    std::string read_token;                    // the same for whoever reads
    bool reads_need_secret = false;            // a token or a certificate; only healthz, readyz and the dashboard's own files are for everybody
    bool has_certificates = false;             // some clients show certificates that let them do something
};

// `authorization`: the header of that name. Anything that changes something wants "Bearer <token>", which a page of somebody else's in the
// operator's browser cannot send; or the right certificate, of which `by_certificate` says what it allows, and that such a page was kept out.
// `conditions`: for what changes something; what is read goes through if_changed().
HttpReply answer(std::string_view method, std::string_view target, const Sources& sources, std::string_view authorization = {}, std::string_view body = {},
                 const Conditions& conditions = {}, Access by_certificate = Access::none);

// What the header Authorization allows.
Access access_of(std::string_view authorization, const Sources& sources);

// An entity tag of these bytes, in quotes.
std::string entity_tag(std::string_view body);

HttpReply not_allowed(const std::string& allow);

// 304 without a body, if the client has these bytes already.
HttpReply if_changed(HttpReply reply, std::string_view if_none_match);

// An error as application/problem+json (RFC 9457).
HttpReply problem(int status, std::string_view title, std::string_view detail);

}  // namespace larder::admin
