// What a write to one relation reaches: its tree, and through foreign-key actions other trees, at any level.
#pragma once

#include <map>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "rules/catalogue.h"

namespace larder::rules {

enum class WriteEvent : std::uint8_t { insert, update, delete_, truncate };
inline constexpr std::size_t kWriteEvents = 4;

// Trees of partitions and inheritance, by union-find over OIDs. The root is the smallest OID of the tree: any fixed
// member would do, since all members share the counters.
class TreeRoots {
public:
    void join(Oid a, Oid b);
    Oid root(Oid oid) const;
    bool has_other_members(Oid oid) const;

private:
    std::unordered_map<Oid, Oid> parent_;
};

class WriteClosures {
public:
    // `roots` must outlive the object.
    WriteClosures(const TreeRoots& roots, const std::vector<ForeignKeyRow>& foreign_keys);

    // Code that may do anything runs on this event of the relation, and so perhaps on that of any member of its tree:
    // a write to a parent fires its children's triggers.
    void add_code(Oid relation, WriteEvent event);

    // Code that is understood runs on this event of the relation; each of `writes` may follow.
    void add_body(Oid relation, WriteEvent event, const std::vector<std::pair<Oid, WriteEvent>>& writes);

    struct Reach {
        std::vector<Oid> roots;   // sorted
        bool is_opaque = false;
        bool runs_bodies = false;
        bool returns = false;     // a foreign key or trigger leads back to where it began
    };
    // For truncate: with CASCADE.
    Reach reach(Oid relation, WriteEvent event) const;

private:
    struct Edge {
        Oid referencing;
        WriteEvent effect;
    };
    void follow(std::pair<Oid, WriteEvent> state, Oid start, std::vector<std::pair<Oid, WriteEvent>>& next, bool& returns) const;

    const TreeRoots& roots_;
    std::unordered_map<Oid, std::vector<Edge>> on_delete_, on_update_, on_truncate_;
    std::set<std::pair<Oid, WriteEvent>> code_;
    std::map<std::pair<Oid, WriteEvent>, std::vector<std::pair<Oid, WriteEvent>>> bodies_;
};

}  // namespace larder::rules
