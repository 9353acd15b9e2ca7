#include "proxy/session/known_login.h"

#include <utility>

#include "cache/counter.h"

namespace larder::session {

bool ToldParameters::tell(std::string_view name, std::string_view value) {
    if (const auto found = others_.find(name); found != others_.end()) {
        if (found->second == value) return false;
        found->second = value;
        return true;
    }
    if (facts_ != nullptr) {
        const auto told = facts_->parameters.find(name);
        if (told != facts_->parameters.end() && told->second == value) return false;
    }
    others_.emplace(name, value);
    return true;
}

void ToldParameters::rest_on(LoginFactsRef facts) {
    facts_ = std::move(facts);
    others_.clear();
}

const KnownLogin* KnownLogins::find(const std::string& request, const LoginWords& words, Instant now) {
    const auto found = logins_.find(request);
    if (found == logins_.end()) return nullptr;
    auto& login = found->second;
    if (!login.may_be_given_again || words.instance_number == 0 || login.words != words) return nullptr;
    if (cache::Counter::is_in_flight(words.server) || cache::Counter::is_in_flight(words.catalogue)) return nullptr;
    if (now - login.begun >= max_age_) return nullptr;
    const auto half = max_age_ / 2;
    if (now - login.begun < half || now - login.asked_again < half) return &login;
    login.asked_again = now;
    return nullptr;
}

LoginFactsRef KnownLogins::keep(KnownLogin login) {
    if (logins_.size() >= kLoginsMax && !logins_.contains(login.facts->request)) logins_.clear();
    auto& kept = logins_[login.facts->request];
    if (kept.facts != nullptr && *kept.facts == *login.facts) login.facts = kept.facts;
    kept = std::move(login);
    return kept.facts;
}

}  // namespace larder::session
