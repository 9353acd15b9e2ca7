// A SnapshotSource whose numbers a test sets.
#pragma once

#include "base/settings.h"
#include "base/snapshot.h"

namespace larder::admin {

struct FakeSource final : SnapshotSource {
    Snapshot now;
    std::vector<ClientRow> client_rows;
    std::vector<RelationRow> relation_rows;
    std::vector<CacheEntryRow> entry_rows;
    std::vector<ReasonRow> reason_rows;
    std::vector<PoolRow> pool_rows;
    std::vector<DatabaseTrafficRow> traffic_rows;
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
    std::vector<DatabaseTrafficRow> traffic() const override { return traffic_rows; }
    void purge_cache() override { ++purges; }
    std::optional<std::size_t> purge_relation(const std::string& database, const std::string& relation) override {
        purged.emplace_back(database, relation);
        if (relation == "none") return std::nullopt;
        return 3;
    }
    std::size_t purge_tag(const std::string& database, const std::string& tag) override {
        purged.emplace_back(database, "tag " + tag);
        return 2;
    }
    std::optional<std::size_t> purge_fingerprint(const std::string& database, const std::string& fingerprint) override {
        purged.emplace_back(database, "fingerprint " + fingerprint);
        if (fingerprint == "none") return std::nullopt;
        return 1;
    }
    bool kill_client(std::uint64_t id) override {
        killed.push_back(id);
        return id == 1;
    }
    std::vector<std::pair<std::string, std::string>> purged;
    std::vector<std::uint64_t> killed;
};

struct FakeSettings final : SettingsSource {
    ReloadOutcome outcome;
    int reloads = 0;
    std::vector<SettingRow> settings() const override { return {{"cache.ttl", "\"1h\"", "\"1h\"", "from 1ms to 365d", "how long", false}}; }
    ReloadOutcome reload() override {
        ++reloads;
        return outcome;
    }
};

}  // namespace larder::admin
