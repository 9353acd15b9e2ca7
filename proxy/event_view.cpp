// The part of Proxy that says what events are made of.
#include "base/log.h"
#include "proxy/proxy.h"

namespace larder::proxy {

void Proxy::tell(Event event) { events_.publish(std::move(event), wall_clock_us()); }

void Proxy::tell_of_quarantine(const rules::QuarantinedShape& what, bool is_in) {
    const auto statement = what.fingerprint == 0 ? std::string("all statements of the database are") : "the statement " + fingerprint_text(what.fingerprint) + " is";
    tell({.kind = EventKind::quarantine,
          .database = printable(what.database),
          .source = "verify",
          .text = statement + (is_in ? " in quarantine: an answer was not the server's" : " let into the cache again")});
}

void Proxy::tell_of_rule(const config::RuleCommand& command, const config::RuleOptions& options) {
    using Kind = config::RuleCommand::Kind;
    Event event{.kind = EventKind::rule, .source = "rules"};
    const auto name = "rule \"" + printable(command.name) + "\" was ";
    event.text = name + (command.kind == Kind::create ? "made" : command.kind == Kind::alter ? "changed" : "dropped");
    const auto table = options.find("table"), tags = options.find("tags");
    if (table != options.end()) event.relation = (table->second.find('.') == std::string::npos ? "public." : "") + printable(table->second);
    if (tags != options.end()) event.tags = split_tags(tags->second);
    tell(std::move(event));
}

EventWatch::States Proxy::event_states() const {
    EventWatch::States states;
    if (feed_) {
        const auto status = feed_->status();
        states.feed = name(status.state);
        states.feed_why = printable(status.why);
    } else {
        states.feed = "off";
    }
    states.is_upstream_reachable = control_ && control_->is_connected();
    if (const auto reason = shared_.upstream.not_serving(); reason != rules::Reason::none) {
        states.not_serving = rules::name(reason);
        states.not_serving_explained = rules::explain(reason);
    }
    return states;
}

}  // namespace larder::proxy
