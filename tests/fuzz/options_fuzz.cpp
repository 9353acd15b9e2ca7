// The start-up parameter "options": no word or setting is longer than what it was made of.
#include "fuzz/round_trip.h"
#include "protocol/options.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const larder::Bytes text{reinterpret_cast<const char*>(data), size};
    std::size_t bytes = 0;
    for (const std::string& word : larder::protocol::split_options(text)) bytes += word.size();
    larder::fuzz::require(bytes <= size);
    const auto options = larder::protocol::parse_options(text);
    larder::fuzz::require(options.settings.size() <= size);
    for (const auto& [name, value] : options.settings) larder::fuzz::require(!name.empty() && name.find('=') == std::string::npos);
    return 0;
}
