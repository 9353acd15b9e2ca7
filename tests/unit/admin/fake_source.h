// A SnapshotSource whose numbers a test sets.
#pragma once

#include "base/snapshot.h"

namespace larder::admin {

struct FakeSource final : SnapshotSource {
    Snapshot now;
    std::vector<ClientRow> client_rows;
    std::vector<RelationRow> relation_rows;
    std::vector<CacheEntryRow> entry_rows;
    std::vector<ReasonRow> reason_rows;
    std::vector<PoolRow> pool_rows;
    mutable std::size_t entries_asked = 0;
    int purges = 0;

    FakeSource() {
        now.version = "1.2.3";
        now.upstream = "192.0.2.7:5432";
        now.has_upstream_login = now.is_upstream_reachable = true;
    }
    Snapshot snapshot() const override { return now; }
    std::vector<ClientRow> clients() const override { return client_rows; }
    std::vector<RelationRow> relations() const override { return relation_rows; }
    std::vector<CacheEntryRow> cache_entries(std::size_t max) const override {
        entries_asked = max;
        return entry_rows;
    }
    std::vector<ReasonRow> reasons() const override { return reason_rows; }
    std::vector<PoolRow> pools() const override { return pool_rows; }
    void purge_cache() override { ++purges; }
};

}  // namespace larder::admin
