#include "admin/relation_use.h"

#include <map>
#include <string>

namespace larder::admin {

std::vector<RelationUse> relation_uses(const SnapshotSource& source, const StatementSource* traffic) {
    std::vector<RelationUse> uses;
    std::map<std::pair<std::string, std::uint32_t>, std::size_t> places;
    for (auto& row : source.relations()) {
        places[{row.database, row.oid}] = uses.size();
        uses.push_back({std::move(row), 0, 0, 0});
    }
    if (traffic == nullptr) return uses;
    for (const auto& statement : traffic->statements(false)) {
        for (const auto oid : statement.reads) {
            const auto place = places.find({statement.database, oid});
            if (place == places.end()) continue;
            uses[place->second].reads += statement.calls;
            uses[place->second].hits += statement.hits;
        }
        for (const auto oid : statement.writes) {
            if (const auto place = places.find({statement.database, oid}); place != places.end()) uses[place->second].writes += statement.calls;
        }
    }
    return uses;
}

}  // namespace larder::admin
