// Who may log in from where, and how he shows who he is: pg_hba.conf, in PostgreSQL's syntax.
//
//   TYPE      DATABASE        USER           ADDRESS              METHOD          OPTIONS
//   local     all             all                                 scram-sha-256
//   hostssl   shop,"Odd db"   @staff.txt     192.0.2.0/24         cert            map=people
//   host      /^test_         all            10.0.0.0 255.0.0.0   reject
//
// The first rule that matches decides; if none does, nobody is let in. Read as PostgreSQL reads it: fields end at blanks, lists have
// commas, a quoted word is never a keyword (a doubled quotation mark stands for one), '#' begins a comment, a backslash at the end of a line
// joins it with the next, '@file' stands for the words of another file, 'include' and 'include_if_exists' take in its rules, and a
// name that begins with '/' is a regular expression (RE2's syntax, found anywhere in the name).
//
// What PostgreSQL decides by its own catalogue or by the network is refused with its line, so that no rule means less than it says: roles
// (+group, samerole), names of hosts, samehost and samenet, GSSAPI, and the methods that are not in the enum below.
// Threads: immutable after parse().
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "protocol/ip_address.h"

namespace re2 {
class RE2;
}

namespace larder::protocol {

inline constexpr std::size_t kHbaFileBytesMax = 4u << 20;     // of each file
inline constexpr std::size_t kHbaRulesMax = 10'000;
inline constexpr std::size_t kHbaNamesMax = 100'000;          // of all lists
inline constexpr int kHbaFilesMax = 1'000;                    // that are read, each as often as it is named
inline constexpr int kHbaIncludesDeepMax = 10;                // as PostgreSQL

enum class HbaType : unsigned char { local, host, hostssl, hostnossl };
// clientcert=…: besides what the method asks for.
enum class HbaCertificate : unsigned char { none, verify_ca, verify_full };
enum class HbaMethod : unsigned char { trust, reject, md5, scram_sha_256, password, cert };

// A database or a user.
struct HbaName {
    enum class Kind : unsigned char {
        all,
        same_user,    // the database that is called like the user
        replication,  // a physical replication connection, whatever its database
        name,
        regex,
    };
    Kind kind = Kind::name;
    std::string text;                                         // of a name or regex
    std::shared_ptr<const re2::RE2> regex;
};

// A name, or a regular expression if it begins with '/'. False, with what is wrong, if that cannot be one. Of pg_ident.conf as well.
bool make_hba_pattern(const std::string& word, HbaName& name, std::string& problem);

struct HbaRule {
    HbaType type = HbaType::host;
    std::vector<HbaName> databases, users;
    std::optional<IpNetwork> network;                         // none: from everywhere
    HbaMethod method = HbaMethod::reject;
    std::string map;                                          // cert: of names; empty: the certificate's name is the user's
    HbaCertificate certificate = HbaCertificate::none;        // verify_full: one of the user's
    std::string file;                                         // where it stands
    int line = 0;
};

// Who comes.
struct HbaClient {
    Bytes database, user;
    std::optional<IpAddress> address;                         // none: through a Unix socket
    bool is_tls = false;
    bool is_replication = false;                              // physical
};

struct HbaError {
    std::string file;
    int line = 0;          // from 1; 0: the file as a whole
    std::string problem;
};

// The text of a file that another one names; nothing: it cannot be read.
using HbaReader = std::function<std::optional<std::string>(const std::string& path)>;

class HbaFile {
public:
    // Null, with `error`, if anything of it cannot be honoured.
    static std::shared_ptr<const HbaFile> parse(const std::string& path, const HbaReader& read, HbaError& error);

    // Null: no rule matches.
    const HbaRule* find(const HbaClient& client) const;
    const std::vector<HbaRule>& rules() const { return rules_; }

private:
    std::vector<HbaRule> rules_;
};

}  // namespace larder::protocol
