// What the rules about logins (pg_hba.conf, pg_ident.conf) mean for one client: refused with PostgreSQL's words, or asked for what.
// Threads: immutable.
#pragma once

#include <memory>
#include <string>

#include "protocol/client_login.h"
#include "protocol/hba_file.h"
#include "protocol/ident_file.h"

namespace larder::protocol {

struct LoginRules {
    std::shared_ptr<const HbaFile> hba;
    std::shared_ptr<const IdentFile> maps;   // null: there are none

    struct Decision {
        std::string refusal;                 // not empty: FATAL 28000
        Demand demand = Demand::secret;
    };
    // `client_address`: for people. `certificate_name`: the CN of a certificate that was verified; empty: there is none.
    Decision decide(const HbaClient& client, Bytes client_address, Bytes certificate_name) const;
};

}  // namespace larder::protocol
