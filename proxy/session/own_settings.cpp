#include "proxy/session/own_settings.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace larder::session {

namespace {

constexpr std::size_t kSavepointsMax = 1000;  // beyond it the oldest is forgotten; a rollback to it keeps later values

// PostgreSQL's words for a boolean setting, also abbreviated.
std::optional<bool> parse_bool(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    for (const std::string_view yes : {"on", "true", "yes", "1", "t", "y"}) {
        if (lower == yes) return true;
    }
    for (const std::string_view no : {"off", "false", "no", "0", "f", "n"}) {
        if (lower == no) return false;
    }
    return std::nullopt;
}

struct Unit {
    std::string_view name;
    std::int64_t us;
};
constexpr std::array kUnits{Unit{"us", 1}, Unit{"ms", 1'000}, Unit{"s", 1'000'000}, Unit{"min", 60'000'000}, Unit{"h", 3'600'000'000}, Unit{"d", 86'400'000'000}};

// "5s", "100 ms", "2min"; a number alone is milliseconds, "-1" and "off" mean no bound.
std::optional<std::chrono::microseconds> parse_age(std::string_view text) {
    if (text == "off" || text == "-1") return std::chrono::microseconds::max();
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || number < 0 || number > 1'000'000'000) return std::nullopt;
    std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    while (unit.starts_with(' ')) unit.remove_prefix(1);
    if (unit.empty()) return std::chrono::microseconds(number * 1'000);
    for (const auto& known : kUnits) {
        if (known.name == unit && number <= INT64_MAX / known.us) return std::chrono::microseconds(number * known.us);
    }
    return std::nullopt;
}

std::string age_text(std::chrono::microseconds age) {
    if (age == std::chrono::microseconds::max()) return "off";
    if (age.count() % 1'000'000 == 0) return std::to_string(age.count() / 1'000'000) + "s";
    if (age.count() % 1'000 == 0) return std::to_string(age.count() / 1'000) + "ms";
    return std::to_string(age.count()) + "us";
}

std::string bool_text(bool value) { return value ? "on" : "off"; }

bool is_known(std::string_view name) { return name == "cache" || name == "trace" || name == "max_age" || name == "freshness"; }

// False: `value` is not one for this setting.
bool assign(OwnSettings::Values& values, std::string_view name, std::string_view value) {
    if (name == "max_age") {
        const auto age = parse_age(value);
        if (age) values.max_age = *age;
        return age.has_value();
    }
    if (name == "freshness") {
        const auto level = parse_freshness_level(value);
        if (level) values.freshness = level;
        return level.has_value();
    }
    const auto flag = parse_bool(value);
    if (flag) (name == "cache" ? values.cache : values.trace) = *flag;
    return flag.has_value();
}

void reset(OwnSettings::Values& values, std::string_view name) {
    const OwnSettings::Values defaults;
    if (name == "max_age") values.max_age = defaults.max_age;
    else if (name == "freshness") values.freshness = defaults.freshness;
    else if (name == "cache") values.cache = defaults.cache;
    else values.trace = defaults.trace;
}

std::string show(const OwnSettings::Values& values, std::string_view name) {
    if (name == "max_age") return age_text(values.max_age);
    if (name == "freshness") return values.freshness ? std::string(larder::name(*values.freshness)) : "default";
    return bool_text(name == "cache" ? values.cache : values.trace);
}

}  // namespace

OwnSettings::Outcome OwnSettings::run(const LarderCommand& command, bool in_block) {
    Outcome outcome;
    if (!is_known(command.setting)) {
        outcome.sqlstate = "42704";
        outcome.error = "unrecognized configuration parameter \"larder." + command.setting + "\"";
        return outcome;
    }
    if (command.kind == LarderCommand::Kind::show) {
        outcome.tag = "SHOW";
        outcome.shown = show(values_, command.setting);
        return outcome;
    }
    const auto before = values_;
    if (command.kind == LarderCommand::Kind::reset) {
        reset(values_, command.setting);
        outcome.tag = "RESET";
    } else if (assign(values_, command.setting, command.value)) {
        outcome.tag = "SET";
    } else {
        outcome.sqlstate = "22023";
        outcome.error = "invalid value for parameter \"larder." + command.setting + "\": \"" + command.value + "\"";
        return outcome;
    }
    if (!in_block) {
        if (command.is_local) values_ = before;  // SET LOCAL outside a block has no effect
        return outcome;
    }
    if (!before_block_) {
        before_block_ = before;
        after_commit_ = before;
    }
    if (!command.is_local) {
        if (command.kind == LarderCommand::Kind::reset) reset(after_commit_, command.setting);
        else assign(after_commit_, command.setting, command.value);
    }
    return outcome;
}

void OwnSettings::savepoint(std::string_view name) {
    if (savepoints_.size() == kSavepointsMax) savepoints_.erase(savepoints_.begin());
    savepoints_.push_back({std::string(name), values_, before_block_ ? after_commit_ : values_});
}

void OwnSettings::release(std::string_view name) {
    for (auto at = savepoints_.size(); at > 0; --at) {
        if (savepoints_[at - 1].savepoint == name) return savepoints_.resize(at - 1);
    }
}

void OwnSettings::rollback_to(std::string_view name) {
    for (auto at = savepoints_.size(); at > 0; --at) {
        if (savepoints_[at - 1].savepoint != name) continue;
        values_ = savepoints_[at - 1].values;
        after_commit_ = savepoints_[at - 1].after_commit;
        return savepoints_.resize(at);  // the savepoint itself stays
    }
}

void OwnSettings::block_ended(bool committed) {
    savepoints_.clear();
    if (!before_block_) return;
    values_ = committed ? after_commit_ : *before_block_;
    before_block_.reset();
}

}  // namespace larder::session
