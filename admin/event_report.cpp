#include "admin/event_report.h"

#include <charconv>

#include "admin/cells.h"
#include "admin/documents.h"
#include "admin/page.h"

namespace larder::admin {
namespace {

constexpr std::size_t kShownMax = 1000;  // SHOW EVENTS
constexpr std::size_t kKindsMax = 20;

json::value text_of(const std::optional<std::string>& text) { return text ? json::value(*text) : json::value(nullptr); }

std::optional<std::uint64_t> id_of(std::string_view text) {
    std::uint64_t id = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), id);
    if (end.ec != std::errc() || end.ptr != text.data() + text.size() || id > INT64_MAX) return std::nullopt;
    return id;
}

bool read_kinds(std::string_view text, std::vector<EventKind>& kinds) {
    for (;;) {
        const auto end = std::min(text.find(','), text.size());
        const auto kind = event_kind(text.substr(0, end));
        if (!kind || kinds.size() == kKindsMax) return false;
        kinds.push_back(*kind);
        if (end == text.size()) return true;
        text.remove_prefix(end + 1);
    }
}

// False: this value cannot be read.
bool read(std::string_view name, const std::string& value, EventWish& wish) {
    if (name == "from") return (wish.from = id_of(value)).has_value();
    if (name == "kind") return read_kinds(value, wish.filter.kinds);
    if (name == "limit") {
        const long limit = whole_number(value);
        wish.limit = static_cast<std::size_t>(limit);
        return limit >= 1 && limit <= static_cast<long>(kPageMax);
    }
    (name == "tag" ? wish.filter.tag : wish.filter.relation) = value;
    return true;
}

}  // namespace

json::object event_object(const Event& event) {
    return {{"id", event.id},
            {"time", static_cast<double>(event.time_us) / 1e6},
            {"kind", name(event.kind)},
            {"database", text_or_null(event.database)},
            {"relation", text_or_null(event.relation)},
            {"key", text_of(event.key)},
            {"lsn", text_of(event.lsn)},
            {"tags", json::array(event.tags.begin(), event.tags.end())},
            {"source", event.source},
            {"count", event.count},
            {"text", event.text}};
}

std::optional<EventWish> event_wish(std::string_view query, bool takes_limit, HttpReply& refused) {
    EventWish wish{{}, {}, kPageDefault};
    for (const auto& [parameter, given] : parameters_of(query)) {
        const bool is_known = parameter == "from" || parameter == "kind" || parameter == "relation" || parameter == "tag" ||
                              (takes_limit && parameter == "limit");
        const auto value = percent_decoded(given);
        if (is_known && value && read(parameter, *value, wish)) continue;
        refused = problem(400, "Bad parameter",
                          std::string("the parameters are from (an id), kind (names with commas between), relation, tag") +
                              (takes_limit ? " and limit (1 to 1000)" : ""));
        return std::nullopt;
    }
    return wish;
}

HttpReply answer_events(const HttpRequest& request, const Sources& sources) {
    if (sources.events == nullptr) return problem(404, "Not found", "there are no events here");
    HttpReply refused;
    const auto wish = event_wish(request.query, true, refused);
    if (!wish) return refused;
    const auto page =
        wish->from ? sources.events->after(*wish->from, wish->limit, wish->filter) : sources.events->newest(wish->limit, wish->filter);
    auto out = list_object("events", page.events, [](const EventRef& event) { return event_object(*event); });
    out["next"] = page.next, out["gap"] = page.has_gap;
    return document(out);
}

ConsoleReply show_events(const EventBus& events) {
    ConsoleReply reply;
    reply.columns = {"id", "time", "kind", "database", "relation", "key", "lsn", "tags", "source", "count", "text"};
    const auto text = [](const std::string& value) { return value.empty() ? std::nullopt : std::optional(value); };
    for (const auto& event : events.newest(kShownMax).events) {
        std::string tags;
        for (const auto& tag : event->tags) tags += (tags.empty() ? "" : ", ") + tag;
        reply.rows.push_back({number(event->id), timestamp(event->time_us), std::string(name(event->kind)), text(event->database),
                              text(event->relation), event->key, event->lsn, text(tags), event->source, number(event->count), event->text});
    }
    return reply;
}

}  // namespace larder::admin
