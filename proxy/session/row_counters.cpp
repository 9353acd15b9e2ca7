#include "proxy/session/row_counters.h"

#include <algorithm>

#include "base/check.h"
#include "base/planted_fault.h"
#include "cache/cache.h"

namespace larder::session {

static_assert(rules::kKeysMax <= cache::kKeysMax);

std::vector<rules::Parameter> parameters_of(const protocol::Bind& bind, Bytes types) {
    std::vector<rules::Parameter> parameters;
    parameters.reserve(bind.values.size());
    for (const auto& value : bind.values) {
        const auto index = parameters.size();
        rules::Parameter parameter;
        if (types.size() >= (index + 1) * 4) parameter.type = load_be32(types.data() + index * 4);
        parameter.is_binary = bind.formats.format_of(index) != 0;
        parameter.value = value;
        parameters.push_back(parameter);
    }
    return parameters;
}

KeptParameters::KeptParameters(const protocol::Bind& bind, Bytes types, std::shared_ptr<const rules::SessionEnv> env) : env_(std::move(env)) {
    std::size_t size = 0;
    for (const auto& value : bind.values) size += value ? value->size() : 0;
    if (size > kBytesMax) return;
    bytes_.reserve(size);  // the views into it must hold
    parameters_ = parameters_of(bind, types);
    for (auto& parameter : parameters_) {
        if (!parameter.value) continue;
        const auto at = bytes_.size();
        bytes_.append(*parameter.value);
        parameter.value = Bytes(bytes_).substr(at);
    }
}

cache::KeyCounters& key_counters(DatabaseState& database, const rules::KeyRef& key) {
    LARDER_ASSERT(key.key < cache::kKeysMax);
    return database.counters().relation(key.root).keys[key.key];
}

cache::Counter* row_counter(DatabaseState& database, const rules::RowRef& row, const std::vector<rules::Parameter>& parameters) {
    std::string value;
    constexpr std::size_t kUsualBytes = 64;
    value.reserve(kUsualBytes);
    value.append(reinterpret_cast<const char*>(&row.key.root), sizeof row.key.root);
    value.append(reinterpret_cast<const char*>(&row.key.key), sizeof row.key.key);
    for (const auto& part : row.parts) {
        if (!rules::append_value(value, part, parameters)) return nullptr;
    }
    return &database.counters().row(cache::hash_key(value));
}

ResolvedRow resolve(DatabaseState& database, const rules::RowRef& row) {
    const bool is_known = std::all_of(row.parts.begin(), row.parts.end(), [](const auto& part) { return part.parameter == 0; });
    return {&row, is_known ? row_counter(database, row, {}) : nullptr, nullptr};
}

ResolvedRowRead resolve(DatabaseState& database, const rules::RowRead& read) {
    ResolvedRowRead resolved;
    auto& key = key_counters(database, read.key);
    resolved.scan = &database.counters().relation(read.key.root).scan;
    resolved.all = &key.all;
    resolved.absent = &key.absent;
    resolved.proving_rows = read.proving_rows;
    for (const auto& row : read.values) resolved.rows.push_back(resolve(database, row));
    return resolved;
}

void add_row_read(ReadSet& set, DatabaseState& database, const ResolvedRowRead& read, const std::vector<rules::Parameter>& parameters) {
    const auto before = set.counters.size();
    for (const auto& row : read.rows) {
        const auto* counter = row.known != nullptr ? row.known : row_counter(database, *row.row, parameters);
        if (counter == nullptr) {
            set.counters.resize(before);
            set.counters.push_back(read.scan);
            return;
        }
        if (!is_planted(PlantedFault::row_ignored)) set.counters.push_back(counter);
    }
    if (!is_planted(PlantedFault::all_ignored)) set.counters.push_back(read.all);
    if (is_planted(PlantedFault::absent_ignored)) return;
    if (read.proving_rows == 0) {
        set.counters.push_back(read.absent);
    } else {
        set.absent.push_back(read.absent);
        set.proving_rows = std::max(set.proving_rows, read.proving_rows);
    }
}

}  // namespace larder::session
