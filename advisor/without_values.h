// What may be shown to people who are not to see clients' values: advice, deployments and states of statements without the constants in them.
//
// Statements come in their normalised form ($1). Sentences quote parts of statements, plans and errors of the server: there, what stands
// in quotes or is compared with is left out. A plan's conditions are hidden where the plan is written (plan_picture).
//
// Threads: any.
#pragma once

#include <string>

#include "advisor/deployment.h"
#include "base/advice.h"

namespace larder::advisor {

std::string statement_without_values(const std::string& sql);
std::string condition_without_values(const std::string& condition);
std::string sentence_without_values(const std::string& text);

AdviceRow without_values(AdviceRow row);
SlowRow without_values(SlowRow row);
Deployment without_values(Deployment deployment);

}  // namespace larder::advisor
