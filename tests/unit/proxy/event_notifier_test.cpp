#include "proxy/event_notifier.h"

#include <catch2/catch.hpp>

using namespace larder;
using namespace larder::proxy;

TEST_CASE("a notification is no longer than PostgreSQL takes, and says what is old") {
    const auto text_of = [](const Event& event) {
        std::string out = event.relation + event.text;
        for (const auto& tag : event.tags) out += tag;
        return out;
    };
    Event event{.relation = "public.t", .tags = {std::string(4000, 'a'), std::string(3000, 'b')}, .text = std::string(991, 'x')};
    CHECK(EventNotifier::payload(event, text_of).size() == 7999);
    event.tags.emplace_back("c");
    const auto shorter = EventNotifier::payload(event, text_of);
    CHECK(shorter.starts_with("public.ttags and text were too long"));
    CHECK(shorter.size() < 300);
}
