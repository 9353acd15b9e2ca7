#include "proxy/settings.h"

#include "base/log.h"
#include "config/load.h"
#include "config/options.h"

namespace larder::proxy {
namespace {

std::string joined(const std::vector<std::string>& keys) {
    std::string text;
    for (const auto& key : keys) text += (text.empty() ? "" : ", ") + key;
    return text.empty() ? "nothing" : text;
}

}  // namespace

Settings::Settings(Proxy& proxy, std::string file, std::vector<std::string> sets, config::Config config)
    : proxy_(proxy), file_(std::move(file)), sets_(std::move(sets)), started_(config), read_(std::move(config)) {}

std::vector<SettingRow> Settings::settings() const {
    const config::Config defaults;
    std::vector<SettingRow> rows;
    const Lock lock(mutex_);
    for (const auto& option : config::options()) {
        rows.push_back({option.name(), option.print(option.needs_restart ? started_ : read_), option.print(defaults), std::string(option.bounds), std::string(option.doc), option.needs_restart});
    }
    return rows;
}

ReloadOutcome Settings::reload() {
    const Lock one_at_a_time(reload_mutex_);
    ReloadOutcome outcome;
    try {
        config::Config config = config::load(file_, sets_);
        const auto go_on = prepare_ ? prepare_(config) : std::function<void()>();
        outcome.needs_restart = proxy_.reload(config);
        if (go_on) go_on();
        const Lock lock(mutex_);
        outcome.changed = config::changes_at_once(read_, config);
        log_info("configuration reloaded", {{"rules", std::to_string(config.rules.size())}, {"changed", joined(outcome.changed)}, {"needs_restart", joined(outcome.needs_restart)}});
        read_ = std::move(config);
    } catch (const std::exception& e) {
        log_error("the configuration was not reloaded; everything stays as it was", {{"error", e.what()}});
        outcome.error = e.what();
    }
    proxy_.set_last_reload_failed(!outcome.error.empty());
    return outcome;
}

}  // namespace larder::proxy
