#include "proxy/session/row_counters.h"

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "base/planted_fault.h"
#include "cache/cache.h"

namespace larder::session {

static_assert(rules::kKeysMax <= cache::kKeysMax);

static constexpr std::size_t kArrayElementsMax = 64;  // longer arrays are not followed one by one

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

namespace {

constexpr std::size_t kUsualBytes = 64;

void append_key(std::string& out, const rules::KeyRef& key) {
    out.append(reinterpret_cast<const char*>(&key.root), sizeof key.root);
    out.append(reinterpret_cast<const char*>(&key.key), sizeof key.key);
}

// The different rows that a value stands for whose part `array` is one. Nothing: not known.
std::optional<std::vector<const cache::Counter*>> rows_of_array(DatabaseState& database, const rules::RowRef& row,
                                                                const rules::KeyPart& array,
                                                                const std::vector<rules::Parameter>& parameters) {
    auto elements = rules::array_elements(array, parameters, kArrayElementsMax);
    if (!elements) return std::nullopt;
    std::sort(elements->begin(), elements->end());
    elements->erase(std::unique(elements->begin(), elements->end()), elements->end());
    std::vector<const cache::Counter*> counters;
    for (const auto& element : *elements) {
        std::string value;
        append_key(value, row.key);
        for (const auto& part : row.parts) {
            if (&part == &array)
                value += element;
            else if (!rules::append_value(value, part, parameters))
                return std::nullopt;  // another array, too
        }
        counters.push_back(&database.counters().row(cache::hash_key(value)));
    }
    return counters;
}

// Adds the counters of one value of a key, and what it says more of how many rows prove that all are there. False: not known.
bool add_row(ReadSet& set, DatabaseState& database, const ResolvedRow& row, const std::vector<rules::Parameter>& parameters,
             int& proving_rows) {
    const auto array = std::find_if(row.row->parts.begin(), row.row->parts.end(), [](const auto& part) { return part.is_array; });
    if (array != row.row->parts.end()) {
        const auto counters = rows_of_array(database, *row.row, *array, parameters);
        if (!counters) return false;
        set.counters.insert(set.counters.end(), counters->begin(), counters->end());
        if (proving_rows > 0) proving_rows += static_cast<int>(counters->size()) - 1;
        return true;
    }
    const auto* counter = row.known != nullptr ? row.known : row_counter(database, *row.row, parameters);
    if (counter == nullptr) return false;
    if (!is_planted(PlantedFault::row_ignored)) set.counters.push_back(counter);
    return true;
}

}  // namespace

cache::Counter* row_counter(DatabaseState& database, const rules::RowRef& row, const std::vector<rules::Parameter>& parameters) {
    std::string value;
    value.reserve(kUsualBytes);
    append_key(value, row.key);
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
    int proving_rows = read.proving_rows;
    for (const auto& row : read.rows) {
        if (add_row(set, database, row, parameters, proving_rows)) continue;
        set.counters.resize(before);
        set.counters.push_back(read.scan);
        return;
    }
    if (!is_planted(PlantedFault::all_ignored)) set.counters.push_back(read.all);
    if (is_planted(PlantedFault::absent_ignored)) return;
    if (proving_rows == 0) {
        set.counters.push_back(read.absent);
    } else {
        set.absent.push_back(read.absent);
        set.proving_rows = std::max(set.proving_rows, proving_rows);
    }
}

}  // namespace larder::session
