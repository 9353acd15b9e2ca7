#include "admin/dead_letters.h"

#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "admin/documents.h"
#include "admin/event_report.h"
#include "base/durable_file.h"
#include "base/log.h"

namespace larder::admin {

bool DeadLetters::add(std::string_view webhook, std::string_view problem, const std::vector<EventRef>& events, std::int64_t wall_clock_us) {
    if (file_.empty()) return false;
    auto line = list_object("events", events, [](const EventRef& event) { return event_object(*event); });
    line["time"] = static_cast<double>(wall_clock_us) / 1e6;
    line["webhook"] = webhook;
    line["problem"] = problem;
    try {
        write(json_text(line) + "\n");
        has_failed_ = false;
        return true;
    } catch (const std::exception& e) {
        if (!has_failed_) {
            log_error("events that were given up could not be kept",
                      {{"webhook", std::string(webhook)}, {"error", e.what()}, {"hint", "make room, or set dead_letter_file of the webhook"}});
        }
        has_failed_ = true;
        return false;
    }
}

void DeadLetters::write(const std::string& line) {
    make_folders_of(file_);
    std::error_code error;
    const auto size = std::filesystem::file_size(file_, error);
    if (!error && size > 0 && size + line.size() > bytes_max_) std::filesystem::rename(file_, file_ + ".1");
    const int file = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0) throw std::system_error(errno, std::generic_category(), file_);
    const std::unique_ptr<const int, void (*)(const int*)> closed(&file, [](const int* open) { ::close(*open); });
    write_durably(file, line, file_);
}

}  // namespace larder::admin
