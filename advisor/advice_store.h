// The advice that is there: numbered for people, keyed for whoever refers to it later, and bounded.
//
// An advice's key is made of the statement's id and of how it was found, for the whole workload of what is to be run, so that it is the
// same in every process and each time the same thing is found; its number holds while the process lives. What is to be run is
// AdviceOption::run of its options, in order.
//
// Threads: any, one mutex; nothing is called while it is held.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/advice.h"

namespace larder::advisor {

class AdviceStore {
public:
    // Beyond it the oldest that nothing was deployed of is dropped, and if there is none, the oldest.
    explicit AdviceStore(std::size_t advice_max = 500) : advice_max_(advice_max) {}

    struct Put {
        int id = 0;
        bool is_new = false;
        int dropped = 0;                       // the number of the one that had to go; 0: none
    };
    // Replaces what was found of the same statement in the same way before, which keeps its number and its deployment.
    Put put(AdviceRow row);

    std::vector<AdviceRow> list() const;  // by number
    std::size_t size() const;
    std::optional<AdviceRow> find(int id) const;
    std::optional<AdviceRow> find(const std::string& key) const;
    // Drops what was found in this way, but for these and what was deployed.
    void forget_others(const std::string& found_by, const std::set<int>& kept);
    // The newest deployment of an advice; nothing happens if there is no such advice.
    void deployed(int id, int deployment);

private:
    int dropped_for_room();

    const std::size_t advice_max_;
    mutable std::mutex mutex_;
    std::map<int, AdviceRow> rows_;            // guarded by mutex_, like the rest
    int next_ = 1;
};

// "slow-0123456789abcdef"
std::string advice_key(const std::string& statement_id, const std::string& found_by);
// The same, and "workload-0123456789abcdef" by what it runs where.
std::string advice_key(const AdviceRow& row);

}  // namespace larder::advisor
