// What clients say that have roles: races over the catalogue (habits.h).
//
// What is hoped for, with the rule of docs/freshness.md ("The catalogue") without which it ends in an old answer:
//
//   An UPDATE of t3 is planned and on its way; a foreign key is added that carries it on to t2; the catalogue is loaded; t2
//   is read and kept; the UPDATE arrives, and writes t2. In a block its COMMIT has to notice that the facts are others now
//   (rule 1); by itself it was marked before, and the key's mark may not end before it (rule 2).
//
//   The view w is changed, so that there are no facts; while they are loaded a function changes it again, and nobody could
//   tell that it would; w is read and kept by facts that say it shows the table before; the table that it shows is written
//   (judged afterwards).
#include "simulation/client.h"

namespace larder::simulation {

// At the beginning of a period, so that the rest of it is quiet: what is read under the new catalogue has to be kept, and read again.
std::string Client::change_catalogue() {
    if (now_ % habits_.period > habits_.period / 8 || random_.one_in(20)) return {};
    if (habits_.changes_view) {
        const int table = static_cast<int>(random_.below(kTables));
        return say(random_.one_in(3) ? text_of_replace_view(table) : "SELECT remake(" + std::to_string(table) + ")");
    }
    thinks_until_ = now_ + habits_.period / 4;
    return say(random_.one_in(8) ? a_ddl() : server_.catalogue().has_key ? text_of_drop_key() : text_of_add_key());
}

// Updates alone, or in blocks of their own. Those of the key are few but for the end of a period, when most are slow: one
// that is planned under the new catalogue moves t2 and makes good what another did.
std::string Client::write_in_a_race() {
    const Step phase = now_ % habits_.period;
    const bool is_late = phase > habits_.period / 4 * 3;
    if (!plans_block_) {
        if (!habits_.changes_view && !is_late && !random_.one_in(60)) return {};
        plans_block_ = random_.percent(habits_.blocks);
        if (plans_block_) return say_query("BEGIN");
    } else if (own_.empty() ? random_.one_in(10) : !random_.one_in(4)) {  // soon, since its locks hold up changes of the table
        plans_block_ = plans_savepoint_ = false;
        return say("COMMIT");
    } else if (random_.one_in(10)) {
        return say(a_read());
    }
    if (is_late && random_.percent(habits_.slow_writes)) arrives_at_ = now_ - phase + habits_.period + random_.below(habits_.period / 2);
    const int concerned = habits_.changes_view ? server_.catalogue().view_table : kKeyFrom;
    const int table = random_.one_in(4) ? static_cast<int>(random_.below(kTables)) : concerned;
    return say(text_of_update(table, static_cast<int>(random_.below(kRows)), new_value()));
}

std::string Client::read_in_a_race() {
    if (random_.one_in(5)) return say(a_read());
    return say(habits_.changes_view ? text_of_read_view() : text_of_read_table(kKeyTo));
}

}  // namespace larder::simulation
