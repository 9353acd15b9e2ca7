// The configuration in force, shown to admin/, and read again by SIGHUP or when admin/ asks.
//
// Threads: any; one reload at a time.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/settings.h"
#include "base/thread_annotations.h"
#include "config/config.h"
#include "proxy/proxy.h"

namespace larder::proxy {

class Settings final : public SettingsSource {
public:
    // `file` and `sets`: as the command line named them, to be read again. `config`: what they gave at the start.
    Settings(Proxy& proxy, std::string file, std::vector<std::string> sets, config::Config config);

    std::vector<SettingRow> settings() const override;
    ReloadOutcome reload() override;
    // What else takes part in a reload: `prepare` reads what it needs, and throws if it cannot; only if everybody can it is told to go on.
    // Before anything can ask for a reload.
    using Prepare = std::function<std::function<void()>(const config::Config&)>;
    void also_reload(Prepare prepare) { prepare_ = std::move(prepare); }

private:
    Proxy& proxy_;
    const std::string file_;
    const std::vector<std::string> sets_;
    Prepare prepare_;
    Mutex reload_mutex_;                     // held while files are read
    mutable Mutex mutex_;
    const config::Config started_;           // what needs a restart is still as it was here
    config::Config read_ LARDER_GUARDED_BY(mutex_);
};

}  // namespace larder::proxy
