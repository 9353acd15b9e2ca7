#include "admin/rules_api.h"

#include "admin/documents.h"

namespace larder::admin {

namespace {

using config::RuleBook;
using config::RuleCommand;
using config::RuleError;
using config::RuleOptions;
using config::RuleRow;

constexpr std::string_view kRules = "/api/v1/rules";

// What is wrong with a request, as its answer.
struct Refused {
    HttpReply reply;
};

[[noreturn]] void refuse(int status, std::string_view title, std::string_view detail) { throw Refused{problem(status, title, detail)}; }

HttpReply answer_of(const RuleError& error) {
    switch (error.kind()) {
        case RuleError::Kind::invalid: return problem(422, "Not a rule", error.what());
        case RuleError::Kind::not_found: return problem(404, "Not found", error.what());
        case RuleError::Kind::duplicate: return problem(409, "Already there", error.what());
        case RuleError::Kind::fixed: return problem(409, "Not done", error.what());
        case RuleError::Kind::changed_on_disk: return problem(409, "Not done", error.what());
        case RuleError::Kind::changed_meanwhile: return problem(412, "Precondition failed", error.what());
        case RuleError::Kind::not_durable: return problem(500, "Not durable", error.what());
        case RuleError::Kind::not_kept: return problem(500, "Not done", error.what());
    }
    return problem(500, "Not done", error.what());
}

json::object object_of(const RuleRow& rule) {
    json::object object{{"name", rule.name}, {"made_in", rule.is_fixed ? "configuration" : "console"}};
    for (const auto& [key, value] : rule.options) {
        if (key == "cache") object[key] = value == "true";
        else object[key] = value;
    }
    return object;
}

// The tag of a rule with what it matches is in two halves: the first is that of the rule alone, which a change may demand to be the same.
std::string rule_tag(const RuleRow& rule) {
    auto tag = entity_tag(json_text(object_of(rule)));
    tag.back() = '-';
    return tag;
}

// Some tag of the list is one of this rule; "*" is of any.
bool has_tag(std::string_view list, const std::optional<RuleRow>& rule) {
    return rule && (list == "*" || list.find(rule_tag(*rule)) != std::string_view::npos);
}

// Refuses what is to be done only under a condition that is not met. Returns what the rule must still be when it is changed.
std::optional<RuleOptions> checked(const RuleBook& rules, const HttpRequest& request, const std::string& name) {
    const auto& [if_match, if_none_match] = request.conditions;
    if (if_match.empty() && if_none_match.empty()) return std::nullopt;
    const auto rule = rules.find(name);
    if (!if_match.empty() && !has_tag(if_match, rule)) refuse(412, "Precondition failed", rule ? "If-Match: the rule was changed since: read it again" : "If-Match: there is no such rule");
    if (!if_none_match.empty() && has_tag(if_none_match, rule)) refuse(412, "Precondition failed", "If-None-Match: there is a rule of this name");
    return rule ? std::optional(rule->options) : std::nullopt;
}

json::object object_of(const config::RuleMatches& matches) {
    return {{"shapes", matches.shapes}, {"calls", matches.calls}, {"hits", matches.hits},
            {"calls_last_hour", matches.calls_last_hour}, {"hits_last_hour", matches.hits_last_hour}, {"examples", json::array(matches.examples.begin(), matches.examples.end())}};
}

// What a body says. A key with null is in `removed`.
struct Body {
    RuleOptions options;
    std::vector<std::string> removed;
    std::string name, before;
};

std::string text_of(std::string_view key, const json::value& value) {
    if (value.is_string()) return std::string(value.get_string());
    if (value.is_bool()) return value.get_bool() ? "true" : "false";
    if (!value.is_array() || key != "tags") refuse(422, "Not a rule", std::string(key) + " must be a text");
    std::string out;
    for (const auto& one : value.get_array()) {
        if (!one.is_string()) refuse(422, "Not a rule", std::string(key) + " must be a list of texts");
        out += (out.empty() ? "" : ", ") + std::string(one.get_string());
    }
    return out;
}

Body body_of(const HttpRequest& request) {
    json::error_code failed;
    const auto value = json::parse(request.body, failed);
    if (failed || !value.is_object()) refuse(400, "Bad body", "the body must be an object in JSON");
    if (count_members(request.body) != value.get_object().size()) refuse(400, "Bad body", "a key is there twice");
    Body body;
    const auto name_of = [](std::string_view key, const json::value& text) {
        if (!text.is_string()) refuse(422, "Not a rule", std::string(key) + " must be a text");
        return std::string(text.get_string());
    };
    for (const auto& member : value.get_object()) {
        const std::string key(member.key());
        if (member.value().is_null()) body.removed.push_back(key);
        else if (key == "name") body.name = name_of(key, member.value());
        else if (key == "before") body.before = name_of(key, member.value());
        else body.options.emplace(key, text_of(key, member.value()));
    }
    return body;
}

RuleRow existing(const RuleBook& rules, const std::string& name) {
    auto rule = rules.find(name);
    if (!rule) refuse(404, "Not found", "there is no such rule");
    return *rule;
}

HttpReply dry_run(const RuleBook& rules, const Body& body) {
    return document({{"matches", object_of(rules.matches(body.options))}});
}

// What the rule is now, after a change.
HttpReply now(const RuleBook& rules, const std::string& name, int status) {
    const auto rule = rules.find(name);
    return rule ? document(object_of(*rule), status) : problem(404, "Not found", "the rule was taken away meanwhile");
}

HttpReply create(RuleBook& rules, const HttpRequest& request, bool is_dry) {
    const auto body = body_of(request);
    if (!body.removed.empty()) refuse(422, "Not a rule", "null stands for nothing here");
    if (is_dry) return dry_run(rules, body);
    if (body.name.empty()) refuse(422, "Not a rule", "a rule needs a name");
    rules.run({RuleCommand::Kind::create, body.name, body.before, false, body.options, {}});
    return now(rules, body.name, 201);
}

HttpReply replace(RuleBook& rules, const HttpRequest& request, const std::string& name, bool is_dry) {
    const auto body = body_of(request);
    if (!body.removed.empty()) refuse(422, "Not a rule", "null stands for nothing here");
    if (!body.name.empty() && body.name != name) refuse(422, "Not a rule", "the name in the body is not that of the path");
    if (is_dry) return dry_run(rules, body);
    auto expected = checked(rules, request, name);
    const auto old = rules.find(name);
    if (!old && expected) refuse(412, "Precondition failed", "the rule was taken away meanwhile");
    if (!old) {
        rules.run({RuleCommand::Kind::create, name, body.before, false, body.options, {}});
        return now(rules, name, 201);
    }
    RuleCommand command{RuleCommand::Kind::alter, name, {}, false, body.options, {}, std::move(expected)};
    for (const auto& [key, value] : old->options) {
        if (!body.options.contains(key)) command.reset.push_back(key);
    }
    rules.run(command);
    return now(rules, name, 200);
}

HttpReply change(RuleBook& rules, const HttpRequest& request, const std::string& name) {
    auto body = body_of(request);
    rules.run({RuleCommand::Kind::alter, name, {}, false, std::move(body.options), std::move(body.removed), checked(rules, request, name)});
    return now(rules, name, 200);
}

HttpReply answer_list(const HttpRequest& request, RuleBook& rules, bool is_dry) {
    if (!request.is_read()) return create(rules, request, is_dry);
    auto all = list_object("rules", rules.rules(), [](const RuleRow& rule) { return object_of(rule); });
    all["file"] = text_or_null(rules.file());
    return document(all);
}

HttpReply answer_one(const HttpRequest& request, RuleBook& rules, const std::string& name, bool is_dry) {
    if (request.is_read()) {
        const auto rule = existing(rules, name);
        auto object = object_of(rule);
        object["matches"] = object_of(rules.matches(rule.options));
        auto reply = document(object);
        reply.etag = rule_tag(rule) + entity_tag(reply.body).substr(1);
        return reply;
    }
    if (request.method == "PUT") return replace(rules, request, name, is_dry);
    if (request.method == "PATCH") return change(rules, request, name);
    rules.run({RuleCommand::Kind::drop, name, {}, false, {}, {}, checked(rules, request, name)});
    return {204, "application/json", "", {}};
}

// "?dry_run=true"
bool wants_dry_run(const HttpRequest& request) {
    const auto parameters = parameters_of(request.query);
    const auto found = parameters.find("dry_run");
    const bool is_known = parameters.size() == (found == parameters.end() ? 0u : 1u) && (found == parameters.end() || found->second == "true" || found->second == "false");
    if (!is_known || (found != parameters.end() && request.method != "POST" && request.method != "PUT")) {
        refuse(400, "Bad parameter", "the only parameter is dry_run=true, of POST and PUT");
    }
    return found != parameters.end() && found->second == "true";
}

}  // namespace

std::optional<HttpReply> answer_of_rules(const HttpRequest& request, const Sources& sources) {
    if (sources.rules == nullptr || !request.path.starts_with(kRules)) return std::nullopt;
    const auto rest = request.path.substr(kRules.size());
    const auto name = rest.starts_with('/') ? percent_decoded(rest.substr(1)) : std::nullopt;
    if (!rest.empty() && (!name || name->empty())) return std::nullopt;
    try {
        const bool is_dry = wants_dry_run(request);
        return name ? answer_one(request, *sources.rules, *name, is_dry) : answer_list(request, *sources.rules, is_dry);
    } catch (const Refused& refused) {
        return refused.reply;
    } catch (const RuleError& error) {
        return answer_of(error);
    }
}

}  // namespace larder::admin
