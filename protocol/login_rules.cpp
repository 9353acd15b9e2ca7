#include "protocol/login_rules.h"

namespace larder::protocol {

namespace {

// As PostgreSQL says it.
std::string who(const HbaClient& client, Bytes address) {
    std::string text = (client.is_replication ? "replication connection from host \"" : "host \"") + (client.address ? std::string(address) : "[local]");
    ((text += "\", user \"") += client.user) += "\"";
    if (!client.is_replication) ((text += ", database \"") += client.database) += "\"";
    return text + (client.is_tls ? ", SSL encryption" : ", no encryption");
}

Demand demand_of(HbaMethod method) {
    switch (method) {
        case HbaMethod::trust:
        case HbaMethod::cert: return Demand::nothing;
        case HbaMethod::scram_sha_256: return Demand::scram;
        case HbaMethod::password: return Demand::password;
        case HbaMethod::md5:
        case HbaMethod::reject: break;
    }
    return Demand::secret;
}

}  // namespace

LoginRules::Decision LoginRules::decide(const HbaClient& client, Bytes client_address, Bytes certificate_name) const {
    Decision decision;
    const auto* rule = hba->find(client);
    if (rule == nullptr) return decision.refusal = "no pg_hba.conf entry for " + who(client, client_address), decision;
    if (rule->method == HbaMethod::reject) return decision.refusal = "pg_hba.conf rejects connection for " + who(client, client_address), decision;
    const bool compares_name = rule->method == HbaMethod::cert || rule->certificate == HbaCertificate::verify_full;
    if ((compares_name || rule->certificate == HbaCertificate::verify_ca) && certificate_name.empty()) {
        return decision.refusal = "connection requires a valid client certificate", decision;
    }
    const bool is_mapped = !rule->map.empty();
    const bool fits = is_mapped ? maps != nullptr && maps->allows(rule->map, certificate_name, client.user) : certificate_name == client.user;
    if (compares_name && !fits) return decision.refusal = "certificate authentication failed for user \"" + std::string(client.user) + "\"", decision;
    decision.demand = demand_of(rule->method);
    return decision;
}

}  // namespace larder::protocol
