// player.h: what a controller does with plans: checks them by its own knowledge, plays them, falls back.
//
// THEORY    A plan is taken or refused by what the cabinet knows: whose it is, its version, its time, and
//           whether all that will be shown, from what is showing now through every plan that waits to this one, keeps
//           minimum greens, yellows and intergreens. It takes effect at its valid_from_ms.
//
//              FALLBACK ──hand-over plan──▶ CLEARING ──valid_from──▶ PLAN ──plan──▶ PLAN
//                  ▲                                                  │
//                  ╰──────────── CLEARING ◀──────── valid_until ──────╯
//
//           Clearing: no green begins, each that shows ends once it has had its minimum, yellow and red follow. After
//           hand-over time everything is red and conflict-free, whatever it was before.
//           Lamps are played quantum by quantum, so that each change has its exact time however late the caller comes.
// CONTRACT  The caller's clock is the only one (a table's days are told by the process's TZ). No allocation.
// NOT HERE  Sockets (controller.c), bytes (bytes.h).
#pragma once

#include "clients/controller/cabinet.h"

enum {
    PENDING_MAX = 4,                 // accepted plans that wait for their time
    PROGRAMS_MAX = 16, SWITCHES_MAX = 128, HOLIDAYS_MAX = 128,
};

struct version {
    uint32_t epoch, daemon, sequence;
};

int version_compare(struct version a, struct version b);

struct plan {
    bool cyclic, handover;
    struct version version;
    uint64_t site_hash;
    int64_t base_ms, valid_from_ms, valid_until_ms;
    int64_t cycle_ms;
    uint32_t fallback;               // 0: the built-in program
    int32_t green_count;
    struct cabinet_green greens[GREENS_MAX];   // start and end after base_ms
};

// Programs by time of day. Each program's greens are those with its row in green_program.
struct table {
    uint32_t id;                     // 0: none
    uint64_t site_hash;
    char time_zone[64];
    int64_t reference_ms;
    int32_t program_count, green_count, switch_count, holiday_count;
    int64_t cycle_ms[PROGRAMS_MAX], offset_ms[PROGRAMS_MAX];
    int32_t green_program[GREENS_MAX];
    struct cabinet_green greens[GREENS_MAX];
    uint32_t switch_days[SWITCHES_MAX];
    int32_t switch_at_s[SWITCHES_MAX], switch_program[SWITCHES_MAX];
    int64_t holidays[HOLIDAYS_MAX];
};

enum answer { ANSWER_ACCEPTED, ANSWER_STALE, ANSWER_OTHER_SITE, ANSWER_REFUSED, ANSWER_MALFORMED,
    ANSWER_FALLBACK_UNKNOWN };
enum mode { MODE_PLAN, MODE_FALLBACK, MODE_CLEARING };
enum lamp { LAMP_RED = 1, LAMP_GREEN = 3, LAMP_YELLOW = 4 };       // as `aspect` of ControllerStatus counts them

struct player {
    const struct cabinet *cabinet;
    enum mode mode;
    struct plan running;             // PLAN and FALLBACK
    struct plan pending[PENDING_MAX];
    int32_t pending_count;
    struct version newest;           // of all that was accepted
    struct table table, offered;     // loaded; and room to look at the next one
    uint32_t fallback;               // table that the last plan named; 0: the built-in program
    int32_t table_program;           // that the fallback plays; -1: the built-in one
    int64_t join_ms;                 // fallback greens that begin before it are not shown
    int64_t joins_fallback_ms;       // while CLEARING: then the fallback begins; INT64_MAX: a plan will
    enum lamp lamp[GROUPS_MAX];
    int64_t since_ms[GROUPS_MAX];    // when it began to show that; INT64_MIN: before the controller started
    int64_t green_start_ms[GROUPS_MAX], green_end_ms[GROUPS_MAX];   // of the last green that ended; INT64_MIN: none
    int64_t clears_ms[GROUPS_MAX];   // while CLEARING: end of the green; INT64_MIN without one
    int64_t tick_ms;                 // last instant that was played: a multiple of the quantum
    uint64_t conflicts_seen;         // conflicting lamps shown together: the monitor would have tripped. Must stay 0
};

void player_start(struct player *player, const struct cabinet *cabinet, int64_t now_ms);

// Brings the lamps to now. A clock that went back, or ahead by more than a minute, restarts the player in red.
void player_step(struct player *player, int64_t now_ms);

// Takes the plan or says why not, in words too.
enum answer player_offer(struct player *player, const struct plan *plan, int64_t now_ms, const char **ret_why);

// Takes player->offered as the table, or says why not.
bool player_load_table(struct player *player, const char **ret_why);

// The stage that shows, or -1.
int32_t player_stage(const struct player *player);

// The last plan that waits, or NULL.
const struct plan *player_waiting(const struct player *player);
