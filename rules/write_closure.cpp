#include "rules/write_closure.h"

#include <algorithm>

namespace larder::rules {

Oid TreeRoots::root(Oid oid) const {
    for (auto found = parent_.find(oid); found != parent_.end() && found->second != oid; found = parent_.find(oid)) oid = found->second;
    return oid;
}

void TreeRoots::join(Oid a, Oid b) {
    a = root(a);
    b = root(b);
    const Oid low = std::min(a, b);
    parent_[low] = low;
    parent_[std::max(a, b)] = low;
}

bool TreeRoots::has_other_members(Oid oid) const { return parent_.contains(oid); }

WriteClosures::WriteClosures(const TreeRoots& roots, const std::vector<ForeignKeyRow>& foreign_keys) : roots_(roots) {
    const auto effect_of = [](char action) { return action == 'c' ? WriteEvent::delete_ : WriteEvent::update; };
    for (const auto& key : foreign_keys) {
        const Oid referenced = roots.root(key.referenced), referencing = roots.root(key.referencing);
        const auto acts = [](char action) { return action == 'c' || action == 'n' || action == 'd'; };
        if (acts(key.on_delete)) on_delete_[referenced].push_back({referencing, effect_of(key.on_delete)});
        if (acts(key.on_update)) on_update_[referenced].push_back({referencing, WriteEvent::update});
        on_truncate_[referenced].push_back({referencing, WriteEvent::truncate});
    }
}

void WriteClosures::add_code(Oid relation, WriteEvent event) { code_.emplace(roots_.root(relation), event); }

void WriteClosures::add_body(Oid relation, WriteEvent event, const std::vector<std::pair<Oid, WriteEvent>>& writes) {
    auto& all = bodies_[{roots_.root(relation), event}];
    for (const auto& [target, effect] : writes) all.emplace_back(roots_.root(target), effect);
}

void WriteClosures::follow(std::pair<Oid, WriteEvent> state, Oid start, std::vector<std::pair<Oid, WriteEvent>>& next, bool& returns) const {
    const auto [root, event] = state;
    if (const auto bodies = bodies_.find(state); bodies != bodies_.end()) {
        for (const auto& write : bodies->second) {
            next.push_back(write);
            returns |= write.first == start;
        }
    }
    const auto along = [&, root = root](const std::unordered_map<Oid, std::vector<Edge>>& edges) {
        const auto found = edges.find(root);
        if (found == edges.end()) return;
        for (const auto& edge : found->second) {
            next.emplace_back(edge.referencing, edge.effect);
            returns |= edge.referencing == start;
        }
    };
    switch (event) {
        case WriteEvent::insert: break;
        case WriteEvent::delete_: along(on_delete_); break;
        case WriteEvent::truncate: along(on_truncate_); break;
        case WriteEvent::update:
            along(on_update_);
            // An UPDATE that moves a row to another partition deletes it here and inserts it there, with what that sets off.
            if (roots_.has_other_members(root)) {
                next.emplace_back(root, WriteEvent::delete_);
                next.emplace_back(root, WriteEvent::insert);
            }
            break;
    }
}

WriteClosures::Reach WriteClosures::reach(Oid relation, WriteEvent event) const {
    std::set<std::pair<Oid, WriteEvent>> seen;
    std::vector<std::pair<Oid, WriteEvent>> next{{roots_.root(relation), event}};
    Reach reach;
    while (!next.empty()) {
        const auto state = next.back();
        next.pop_back();
        if (!seen.insert(state).second) continue;
        reach.is_opaque |= code_.contains(state);
        reach.runs_bodies |= bodies_.contains(state);
        if (reach.roots.empty() || reach.roots.back() != state.first) reach.roots.push_back(state.first);
        follow(state, roots_.root(relation), next, reach.returns);
    }
    std::sort(reach.roots.begin(), reach.roots.end());
    reach.roots.erase(std::unique(reach.roots.begin(), reach.roots.end()), reach.roots.end());
    return reach;
}

}  // namespace larder::rules
