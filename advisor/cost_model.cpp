#include "advisor/cost_model.h"

#include <algorithm>
#include <cmath>

namespace larder::advisor {

namespace {

constexpr double kSequentialPage = 1, kRandomPage = 4, kRow = 0.01, kOperator = 0.0025;
constexpr double kDescent = 10;  // down the tree, and the bitmap

}  // namespace

double fetch_cost(double rows, double pages) {
    pages = std::max(pages, 1.0);
    const double fetched = std::min(pages, 2 * pages * rows / (2 * pages + rows));
    const double page_cost = kRandomPage - (kRandomPage - kSequentialPage) * std::sqrt(fetched / pages);
    return fetched * page_cost + rows * (kRow + 2 * kOperator) + kDescent;
}

Trial estimate(const PlanNode& now, const std::vector<const IndexSpec*>&) {
    Trial trial;
    trial.plan = now;
    trial.cost = now.total_cost;
    trial.is_estimate = true;
    return trial;
}

}  // namespace larder::advisor
