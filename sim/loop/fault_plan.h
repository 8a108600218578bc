// fault_plan.h: which sensors lie, how, and when: a plan that a person writes, one rule a line.
//
// THEORY    A rule chooses sensors by kind and name and gives them one or more faults:
//
//              KIND NAME FAULT [NUMBER] ... [share P] [from T] [to T] [every S for S]
//
//              loops   */advance  loss 0.05  delay 1.5        # a poor line to every advance loop
//              loops   north_0/*  stuck-on   from 28800 to 30600
//              cameras *          miscount 0.1
//              loops   *          dead  share 0.1             # every tenth loop, the same ones for a seed
//              both    *          dead  every 3600 for 300    # each fails about once an hour for five minutes
//
//           NAME may hold `*` for any text; quotes keep blanks. Where several rules name a sensor, the later one's
//           numbers stand for those of the earlier one; states (dead, stuck) hold when any rule says so.
//
//              dead            says nothing
//              stuck-on        loop: covered, counts nobody; camera: repeats its picture of the fault's beginning
//              stuck-off       loop: free, counts nobody; camera: an empty lane
//              chatter R       loop: R counts a second of nobody, each covering it for 50 ms
//              miss P          each vehicle is overlooked with this probability
//              double P        each vehicle is counted twice
//              miscount P      miss P/2 and double P/2
//              noise S         relative standard deviation of speeds, occupancy and lengths
//              loss P          each reading is lost on its way
//              delay S         each reading comes so much later, but says the time of its interval
//              jitter S        and up to so much later than that
// CONTRACT  Pure but for reading the file. Times are seconds of the simulated clock.
// OWNERSHIP fault_plan_release frees what the plan points to.
// NOT HERE  What a rule does to a reading (sensor_faults.h).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/memory.h"
#include "engine/base/status.h"

enum sensor_kind { SENSOR_LOOP = 1, SENSOR_CAMERA = 2 };   // bits
enum stuck_state { STUCK_NOT, STUCK_ON, STUCK_OFF };

struct fault_rule {
    int kinds;                        // of enum sensor_kind
    char *name;                       // pattern
    bool dead;
    enum stuck_state stuck;
    // -1: the rule does not say
    double chatter_per_s, miss, twice, noise, loss;
    int32_t delay_ms, jitter_ms;
    double share;                     // of the sensors that the name chooses
    int64_t from_ms, to_ms;           // holds in [from, to)
    int32_t every_ms, for_ms;         // or 0: all the time
};

struct fault_plan {
    LIST_OF(struct fault_rule) rules;
};

// Adds the rules of a file, or of one line. The problem names source and line.
MUST_USE enum status fault_plan_read(const char *path, struct fault_plan *plan, struct problem *problem);
MUST_USE enum status fault_plan_add(const char *source, const char *line, int32_t number, struct fault_plan *plan,
                                    struct problem *problem);
void fault_plan_release(struct fault_plan *plan);

// Whether a name fits a pattern.
bool fault_name_fits(const char *pattern, const char *name);
