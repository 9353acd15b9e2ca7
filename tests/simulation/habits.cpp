#include "simulation/habits.h"

namespace larder::simulation {

Habits Habits::draw(Random& random) {
    const auto below = [&random](unsigned bound) { return static_cast<unsigned>(random.below(bound)); };
    Habits habits;
    habits.reads = 60 + below(36);
    habits.ddl = random.one_in(3) ? 0 : below(8);
    habits.opaque = random.one_in(3) ? 0 : below(40);
    habits.blocks = below(30);
    habits.strings = random.one_in(2) ? 0 : below(16);
    habits.thinks = random.one_in(3) ? 10 : 1000;
    habits.pipelines = below(random.one_in(3) ? 60 : 4);
    habits.extended = random.one_in(3) ? below(10) : below(101);
    habits.disconnects = below(5);
    habits.clients = 2 + below(6);
    habits.keyed = below(40);
    switch (random.below(4)) {
        case 0: break;
        case 3:
            habits.profile = Profile::rows;
            habits.ddl = habits.opaque = habits.rare_writes = 0;
            habits.keyed = 100;
            break;
        case 1:
            habits.profile = Profile::plain;
            habits.ddl = habits.opaque = habits.rare_writes = 0;
            break;
        default:
            habits.profile = Profile::catalogue;
            habits.changes_view = random.one_in(2);
            habits.period = (800 + random.below(1200)) * (habits.changes_view ? 1 : 2);  // the key's race takes longer
            habits.slow_writes = habits.changes_view ? 0 : 80;
            // A slow write outside a block holds up the facts, under which t2 must be read while one inside is on its way.
            habits.blocks = random.one_in(3) ? 10 : 95;
            habits.thinks = 10;
            habits.pipelines = below(4);
            habits.disconnects = below(2);
            habits.clients = 5;
            habits.keyed = 2;
            break;
    }
    return habits;
}

}  // namespace larder::simulation
