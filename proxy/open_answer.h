// Why an answer may differ from another of the same data although both are right: what the statement itself, the views that it reads, the
// functions that it calls and the types of its columns leave open. Asked only once a difference was found.
//
// Threads: the caller's, who lends its connection; the server is asked for definitions of views and for types of columns.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "proxy/answer_rows.h"
#include "proxy/rereader.h"
#include "rules/catalogue.h"
#include "rules/session_env.h"

namespace larder::proxy {

// Empty: nothing is left open, and a difference is a fault. Else one word, such as "limit" or "rounding". What cannot be found out counts as open.
// `columns`: of the answer.
std::string why_open(Bytes text, const rules::SessionEnv& env, const rules::Catalogue& catalogue, const std::vector<AnswerColumn>& columns,
                     Rereader& server);

}  // namespace larder::proxy
