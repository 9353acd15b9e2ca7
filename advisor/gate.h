// Which texts of clients the advisor may have planned: those by which no code of the database's own is run (decision 18).
//
// The advisor asks with the rights of Larder's own login, often a superuser's, and PostgreSQL runs functions while it plans. So every text that
// holds a part of a client's statement is judged by the catalogue's facts before it is sent, also what the advisor made of it.
//
// Threads: one. Errors: Refused, CatalogueUnknown.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>

#include "advisor/connection.h"
#include "base/wakeup.h"
#include "rules/catalogue.h"

namespace larder::advisor {

// What the database's catalogue says, if that is known to be true now; else null. `is_first`: for the first text of a statement, when a source
// that does not hear of changes has to look for them. May throw std::runtime_error.
using CatalogueSource = std::function<std::shared_ptr<const rules::Catalogue>(bool is_first)>;

// It is not planned: why, as a clause.
class Refused : public QueryError {
public:
    explicit Refused(const std::string& why) : QueryError(why, "") {}
};

// Nothing can be judged at present, e.g. while DDL is under way; later it can.
class CatalogueUnknown : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class Gate {
public:
    static constexpr std::chrono::seconds kWaitMax{2};          // for facts that are true
    static constexpr std::size_t kAdmittedBytesMax = 16u << 20; // of texts that are remembered

    // `stop`: ends the wait when it is woken; may be null.
    explicit Gate(CatalogueSource source, const Wakeup* stop = nullptr) : source_(std::move(source)), stop_(stop) {}

    // What follows is about another statement.
    void begin_statement() { is_first_ = true; }
    // Returns if the text may be planned; it may stand behind EXPLAIN or PREPARE.
    void admit(const std::string& sql);

private:
    std::shared_ptr<const rules::Catalogue> known_now();

    CatalogueSource source_;
    const Wakeup* stop_;
    std::shared_ptr<const rules::Catalogue> catalogue_;  // by which those below were admitted
    bool is_first_ = true;
    std::set<std::string, std::less<>> admitted_;
    std::size_t admitted_bytes_ = 0;
};

}  // namespace larder::advisor
