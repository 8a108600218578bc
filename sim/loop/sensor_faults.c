#include "sim/loop/sensor_faults.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/model/units.h"

enum { EDGES_MAX = 24 };   // of one detector at one look
enum { CHATTER_MS = 50, BACKLOG = 3 };   // BACKLOG: intervals that may arrive at one instant; later ones the next time
static const int32_t SPEED_MMPS_MAX = 69000;   // noise does not make cars fly

// What holds for one sensor at one time.
struct setting {
    bool dead;
    enum stuck_state stuck;
    double chatter_per_s, miss, twice, noise, loss;
    int32_t delay_ms, jitter_ms;
};

// Readings on their way go into checkpoints as they lie: `spare` fills the row, so that all its bytes are told.
struct loop_reading {
    int32_t detector, length_ms, vehicles, occupied_ms, speed_mmps, spare;
    int64_t end_ms;
};

struct camera_reading {
    int32_t camera, length_ms, in_view, queued, tail_mm, speed_mmps, turned[TURN_COUNT], bin_count;
    int32_t bin_vehicles[CAMERA_BIN_COUNT_MAX], bin_speed_mmps[CAMERA_BIN_COUNT_MAX], spare;
    int64_t end_ms;
};

struct edge { int32_t detector, on; int64_t at_ms; };

// What a loop's edges have come to: as they are, and as they were told.
struct edge_state {
    bool covered, told_covered;
    bool stuck;                       // or dead, at the last look
    bool overlooked;                  // the vehicle that covers it now
};

struct late_edge { int64_t due_ms; struct edge edge; };
struct late_loop { int64_t due_ms; struct loop_reading reading; };
struct late_camera { int64_t due_ms; struct camera_reading reading; };

struct sensor_faults {
    const struct network *network;
    uint64_t seed;
    struct fault_rule *rules;         // their names are not kept
    int32_t rule_count;
    int32_t *first_rule;              // by sensor, loops before cameras; one more at the end
    LIST_OF(int32_t) sensor_rules;    // rules, in order, of each sensor
    struct camera_reading *pictures;  // by camera: the last one before it stuck
    struct edge_state *edge_states;   // by detector
    LIST_OF(struct late_edge) late_edges;
    LIST_OF(struct late_loop) late_loops;
    LIST_OF(struct late_camera) late_cameras;
    struct observation_buffer out;
    struct sensor_counts counts;
    bool edges;                       // are spoilt too
};

// Where the draws of one sensor at one time stand among the 65,536 that it has.
enum { DRAWS_OF_READING = 4096, DRAWS_OF_EDGE = 32, DRAWS_OF_LOOK = 40000 };

// Draws of one sensor at one time: numbered by time and use.
struct draws {
    uint64_t seed, sensor, next;
};

static const uint64_t DRAW_SHARE = UINT64_C(1) << 63, DRAW_WINDOW = UINT64_C(1) << 62;

static double draw(struct draws *draws)
{
    return random_unit(draws->seed, RANDOM_SENSOR, draws->sensor, draws->next++);
}

// Near a standard normal deviate, of bounded size: four uniforms, by the central limit theorem.
static double draw_normal(struct draws *draws)
{
    double sum = 0.0;
    for (int i = 0; i < 4; i++) {
        sum += draw(draws);
    }
    return (sum - 2.0) * 1.7320508075688772;   // the variance of the sum is 4 / 12
}

static int32_t sensor_of_camera(const struct sensor_faults *faults, int32_t camera)
{
    return faults->network->detector_count + camera;
}

static bool rule_chooses(const struct fault_rule *rule, const struct network *network, int32_t sensor)
{
    bool loop = sensor < network->detector_count;
    int32_t name = loop ? network->detectors[sensor].name : network->cameras[sensor - network->detector_count].name;
    return (rule->kinds & (loop ? SENSOR_LOOP : SENSOR_CAMERA)) != 0
        && fault_name_fits(rule->name, network_name(network, name));
}

enum status sensor_faults_create(const struct network *network, const struct fault_plan *plan, uint64_t seed,
                                 bool edges, struct sensor_faults **ret, struct problem *problem)
{
    int32_t sensor_count = network->detector_count + network->camera_count;
    struct sensor_faults *faults = memory_take(1, sizeof *faults);
    faults->network = network;
    faults->seed = seed;
    faults->edges = edges;
    faults->rule_count = plan->rules.count;
    faults->rules = memory_copy(plan->rules.at, (size_t)plan->rules.count, sizeof *faults->rules);
    faults->first_rule = memory_take((size_t)sensor_count + 1, sizeof *faults->first_rule);
    faults->pictures = memory_take((size_t)network->camera_count, sizeof *faults->pictures);
    faults->edge_states = memory_take((size_t)network->detector_count, sizeof *faults->edge_states);
    observation_buffer_create(&faults->out, BACKLOG * network->detector_count,
                              BACKLOG * EDGES_MAX * network->detector_count, BACKLOG * network->camera_count,
                              BACKLOG * network->camera_count * CAMERA_BIN_COUNT_MAX);
    bool *used = memory_take((size_t)plan->rules.count, sizeof *used);
    for (int32_t sensor = 0; sensor < sensor_count; sensor++) {
        faults->first_rule[sensor] = faults->sensor_rules.count;
        for (int32_t r = 0; r < plan->rules.count; r++) {
            if (!rule_chooses(&plan->rules.at[r], network, sensor)) {
                continue;
            }
            used[r] = true;
            double at = random_unit(seed, RANDOM_SENSOR, (uint64_t)sensor, DRAW_SHARE | (uint64_t)r);
            if (at < plan->rules.at[r].share) {
                *GROW(faults->sensor_rules) = r;
            }
        }
    }
    faults->first_rule[sensor_count] = faults->sensor_rules.count;
    enum status status = STATUS_OK;
    for (int32_t r = 0; r < plan->rules.count && status == STATUS_OK; r++) {
        if (!used[r]) {
            status = problem_report(problem, STATUS_UNKNOWN, "sensor faults", plan->rules.at[r].name,
                                    "`intergreen import` names them", "no such sensor is in the network");
        }
    }
    free(used);
    if (status != STATUS_OK) {
        sensor_faults_release(faults);
        return status;
    }
    *ret = faults;
    return STATUS_OK;
}

void sensor_faults_release(struct sensor_faults *faults)
{
    if (faults == NULL) {
        return;
    }
    observation_buffer_release(&faults->out);
    void *owned[] = { faults->rules, faults->first_rule, faults->sensor_rules.at, faults->pictures,
        faults->edge_states, faults->late_edges.at, faults->late_loops.at, faults->late_cameras.at, faults };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) {
        free(owned[i]);
    }
}

static bool rule_holds(const struct sensor_faults *faults, int32_t r, int32_t sensor, int64_t now_ms)
{
    const struct fault_rule *rule = &faults->rules[r];
    if (now_ms < rule->from_ms || now_ms >= rule->to_ms) {
        return false;
    }
    if (rule->every_ms == 0) {
        return true;
    }
    int64_t window_ms = quantum_floor(now_ms, rule->every_ms);
    uint64_t window = (uint64_t)(window_ms / rule->every_ms) & ((UINT64_C(1) << 40) - 1);
    uint64_t use = DRAW_WINDOW | (uint64_t)r << 40 | window;
    double at = random_unit(faults->seed, RANDOM_SENSOR, (uint64_t)sensor, use);
    int64_t begin_ms = window_ms + (int64_t)(at * (double)(rule->every_ms - rule->for_ms));
    return now_ms >= begin_ms && now_ms < begin_ms + rule->for_ms;
}

static void take_number(double number, double *ret)
{
    *ret = number >= 0.0 ? number : *ret;
}

static struct setting setting_of(const struct sensor_faults *faults, int32_t sensor, int64_t now_ms)
{
    struct setting setting = { 0 };
    for (int32_t i = faults->first_rule[sensor]; i < faults->first_rule[sensor + 1]; i++) {
        int32_t r = faults->sensor_rules.at[i];
        if (!rule_holds(faults, r, sensor, now_ms)) {
            continue;
        }
        const struct fault_rule *rule = &faults->rules[r];
        setting.dead = setting.dead || rule->dead;
        setting.stuck = rule->stuck != STUCK_NOT ? rule->stuck : setting.stuck;
        take_number(rule->chatter_per_s, &setting.chatter_per_s);
        take_number(rule->miss, &setting.miss);
        take_number(rule->twice, &setting.twice);
        take_number(rule->noise, &setting.noise);
        take_number(rule->loss, &setting.loss);
        setting.delay_ms = rule->delay_ms >= 0 ? rule->delay_ms : setting.delay_ms;
        setting.jitter_ms = rule->jitter_ms >= 0 ? rule->jitter_ms : setting.jitter_ms;
    }
    return setting;
}

// How often one vehicle is counted: 0, 1 or 2 times.
static int32_t times_counted(const struct setting *setting, struct draws *draws)
{
    double u = draw(draws);
    return u < setting->miss ? 0 : u < setting->miss + setting->twice ? 2 : 1;
}

static int32_t miscounted(const struct setting *setting, int32_t vehicles, struct draws *draws)
{
    int32_t counted = 0;
    for (int32_t i = 0; i < vehicles; i++) {
        counted += times_counted(setting, draws);
    }
    return counted;
}

static int32_t noisy(const struct setting *setting, int32_t value, int32_t most, struct draws *draws)
{
    if (value <= 0 || setting->noise <= 0.0) {
        return value;
    }
    double said = (double)value * (1.0 + setting->noise * draw_normal(draws));
    return said < 0.0 ? 0 : said > (double)most ? most : (int32_t)(said + 0.5);
}

static bool counts_wrongly(const struct setting *setting)
{
    return setting->miss > 0.0 || setting->twice > 0.0;
}

static void spoil_loop(const struct setting *setting, struct draws *draws, struct loop_reading *reading)
{
    if (setting->stuck != STUCK_NOT) {
        reading->vehicles = 0;
        reading->occupied_ms = setting->stuck == STUCK_ON ? reading->length_ms : 0;
        reading->speed_mmps = -1;
        return;
    }
    if (counts_wrongly(setting)) {
        reading->vehicles = miscounted(setting, reading->vehicles, draws);
    }
    if (setting->chatter_per_s > 0.0) {
        double expected = setting->chatter_per_s * s_from_ms(reading->length_ms);
        int32_t extra = (int32_t)expected;
        extra += draw(draws) < expected - (double)extra ? 1 : 0;
        reading->vehicles += extra;
        reading->occupied_ms += extra * CHATTER_MS;
    }
    reading->occupied_ms = noisy(setting, reading->occupied_ms, reading->length_ms, draws);
    reading->speed_mmps = noisy(setting, reading->speed_mmps, SPEED_MMPS_MAX, draws);
    reading->occupied_ms = reading->occupied_ms < reading->length_ms ? reading->occupied_ms : reading->length_ms;
    reading->speed_mmps = reading->vehicles > 0 ? reading->speed_mmps : -1;
}

// The lane as an empty one, with as many bins.
static void picture_clear(struct camera_reading *reading)
{
    reading->in_view = reading->queued = reading->tail_mm = 0;
    reading->speed_mmps = -1;
    memset(reading->turned, 0, sizeof reading->turned);
    for (int32_t b = 0; b < reading->bin_count; b++) {
        reading->bin_vehicles[b] = 0;
        reading->bin_speed_mmps[b] = -1;
    }
}

static void miscount_picture(const struct setting *setting, struct draws *draws, struct camera_reading *reading)
{
    int32_t in_view = 0, queued = 0, vehicle = 0;
    for (int32_t b = 0; b < reading->bin_count; b++) {
        int32_t counted = 0;
        for (int32_t i = 0; i < reading->bin_vehicles[b]; i++, vehicle++) {
            int32_t times = times_counted(setting, draws);
            counted += times;
            queued += vehicle < reading->queued ? times : 0;
        }
        reading->bin_vehicles[b] = counted;
        reading->bin_speed_mmps[b] = counted > 0 ? reading->bin_speed_mmps[b] : -1;
        in_view += counted;
    }
    for (; vehicle < reading->in_view; vehicle++) {   // those that no bin holds
        int32_t times = times_counted(setting, draws);
        in_view += times;
        queued += vehicle < reading->queued ? times : 0;
    }
    reading->in_view = in_view;
    reading->queued = queued;
    reading->tail_mm = queued > 0 ? reading->tail_mm : 0;
    reading->speed_mmps = in_view > 0 ? reading->speed_mmps : -1;
    for (int t = 0; t < TURN_COUNT; t++) {
        reading->turned[t] = miscounted(setting, reading->turned[t], draws);
    }
}

static void spoil_camera(const struct sensor_faults *faults, const struct setting *setting, struct draws *draws,
                         struct camera_reading *reading)
{
    if (setting->stuck == STUCK_ON) {
        const struct camera_reading *old = &faults->pictures[reading->camera];
        struct camera_reading now = *reading;
        *reading = *old;
        reading->camera = now.camera;
        reading->end_ms = now.end_ms;
        reading->length_ms = now.length_ms;
        if (old->end_ms == 0) {
            reading->bin_count = now.bin_count;   // it stuck before its first picture
            picture_clear(reading);
        }
        memset(reading->turned, 0, sizeof reading->turned);   // nobody moves in a still picture
        return;
    }
    if (setting->stuck == STUCK_OFF) {
        picture_clear(reading);
        return;
    }
    if (counts_wrongly(setting)) {
        miscount_picture(setting, draws, reading);
    }
    int32_t view_mm = (int32_t)(faults->network->cameras[reading->camera].view_m * 1000.0);
    reading->tail_mm = noisy(setting, reading->tail_mm, reading->tail_mm > view_mm ? reading->tail_mm : view_mm, draws);
    reading->speed_mmps = noisy(setting, reading->speed_mmps, SPEED_MMPS_MAX, draws);
    for (int32_t b = 0; b < reading->bin_count; b++) {
        reading->bin_speed_mmps[b] = noisy(setting, reading->bin_speed_mmps[b], SPEED_MMPS_MAX, draws);
    }
}

static bool put_loop(struct observation_buffer *out, const struct loop_reading *reading)
{
    struct loop_columns *rows = &out->rows.loops;
    if (rows->count >= out->loop_count_max) {
        return false;
    }
    int32_t at = rows->count++;
    rows->detector[at] = reading->detector;
    rows->end_ms[at] = reading->end_ms;
    rows->length_ms[at] = reading->length_ms;
    rows->vehicles[at] = reading->vehicles;
    rows->occupied_ms[at] = reading->occupied_ms;
    rows->speed_mmps[at] = reading->speed_mmps;
    return true;
}

static bool put_camera(struct observation_buffer *out, const struct camera_reading *reading)
{
    struct camera_columns *rows = &out->rows.cameras;
    int32_t at = rows->count, bin = rows->first_bin[at];
    if (at >= out->camera_count_max || reading->bin_count > out->bin_count_max - bin) {
        return false;
    }
    rows->count++;
    rows->camera[at] = reading->camera;
    rows->end_ms[at] = reading->end_ms;
    rows->length_ms[at] = reading->length_ms;
    rows->in_view[at] = reading->in_view;
    rows->queued[at] = reading->queued;
    rows->tail_mm[at] = reading->tail_mm;
    rows->speed_mmps[at] = reading->speed_mmps;
    for (int t = 0; t < TURN_COUNT; t++) {
        rows->turned[t][at] = reading->turned[t];
    }
    memcpy(rows->bin_vehicles + bin, reading->bin_vehicles, (size_t)reading->bin_count * sizeof *rows->bin_vehicles);
    memcpy(rows->bin_speed_mmps + bin, reading->bin_speed_mmps,
           (size_t)reading->bin_count * sizeof *rows->bin_speed_mmps);
    rows->first_bin[at + 1] = bin + reading->bin_count;
    return true;
}

static bool put_edge(struct observation_buffer *out, const struct edge *edge)
{
    struct edge_columns *rows = &out->rows.edges;
    if (rows->count >= out->edge_count_max) {
        return false;
    }
    int32_t at = rows->count++;
    rows->detector[at] = edge->detector;
    rows->at_ms[at] = edge->at_ms;
    rows->on[at] = edge->on;
    return true;
}

static struct loop_reading loop_reading_of(const struct loop_columns *rows, int32_t at)
{
    return (struct loop_reading){ .detector = rows->detector[at], .length_ms = rows->length_ms[at],
        .vehicles = rows->vehicles[at], .occupied_ms = rows->occupied_ms[at], .speed_mmps = rows->speed_mmps[at],
        .end_ms = rows->end_ms[at] };
}

static struct camera_reading camera_reading_of(const struct camera_columns *rows, int32_t at)
{
    struct camera_reading reading = { .camera = rows->camera[at], .length_ms = rows->length_ms[at],
        .in_view = rows->in_view[at], .queued = rows->queued[at], .tail_mm = rows->tail_mm[at],
        .speed_mmps = rows->speed_mmps[at], .end_ms = rows->end_ms[at] };
    int32_t first = rows->first_bin[at], count = rows->first_bin[at + 1] - first;
    assert(count <= CAMERA_BIN_COUNT_MAX);
    reading.bin_count = count;
    memcpy(reading.bin_vehicles, rows->bin_vehicles + first, (size_t)count * sizeof *reading.bin_vehicles);
    memcpy(reading.bin_speed_mmps, rows->bin_speed_mmps + first, (size_t)count * sizeof *reading.bin_speed_mmps);
    for (int t = 0; t < TURN_COUNT; t++) {
        reading.turned[t] = rows->turned[t][at];
    }
    return reading;
}

// Those that are due by now, in the order in which they were given.
static void deliver_late(struct sensor_faults *faults, int64_t now_ms)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < faults->late_loops.count; i++) {
        struct late_loop *late = &faults->late_loops.at[i];
        if (late->due_ms > now_ms || !put_loop(&faults->out, &late->reading)) {
            faults->late_loops.at[kept++] = *late;
        }
    }
    faults->late_loops.count = kept;
    kept = 0;
    for (int32_t i = 0; i < faults->late_edges.count; i++) {
        struct late_edge *late = &faults->late_edges.at[i];
        if (late->due_ms > now_ms || !put_edge(&faults->out, &late->edge)) {
            faults->late_edges.at[kept++] = *late;
        }
    }
    faults->late_edges.count = kept;
    kept = 0;
    for (int32_t i = 0; i < faults->late_cameras.count; i++) {
        struct late_camera *late = &faults->late_cameras.at[i];
        if (late->due_ms > now_ms || !put_camera(&faults->out, &late->reading)) {
            faults->late_cameras.at[kept++] = *late;
        }
    }
    faults->late_cameras.count = kept;
}

enum fate { FATE_ARRIVES, FATE_LATE, FATE_GONE };

// Whether a reading gets through, and when.
static enum fate fate_of(struct sensor_faults *faults, const struct setting *setting, struct draws *draws,
                         int64_t now_ms, int64_t *ret_due_ms)
{
    if (setting->loss > 0.0 && draw(draws) < setting->loss) {
        faults->counts.lost++;
        return FATE_GONE;
    }
    *ret_due_ms = now_ms + setting->delay_ms;
    if (setting->jitter_ms > 0) {
        *ret_due_ms += (int64_t)(draw(draws) * (double)setting->jitter_ms);
    }
    if (*ret_due_ms > now_ms) {
        faults->counts.delayed++;
        return FATE_LATE;
    }
    return FATE_ARRIVES;
}

static struct draws draws_of(const struct sensor_faults *faults, int32_t sensor, int64_t now_ms)
{
    uint64_t time = (uint64_t)now_ms & ((UINT64_C(1) << 46) - 1);
    return (struct draws){ faults->seed, (uint64_t)sensor, time << 16 };
}

static void take_loop(struct sensor_faults *faults, int64_t now_ms, const struct loop_columns *rows, int32_t at)
{
    int32_t sensor = rows->detector[at];
    struct loop_reading reading = loop_reading_of(rows, at);
    struct setting setting = setting_of(faults, sensor, now_ms);
    struct draws draws = draws_of(faults, sensor, now_ms);
    faults->counts.readings++;
    if (setting.dead) {
        faults->counts.silent++;
        return;
    }
    struct loop_reading truth = reading;
    spoil_loop(&setting, &draws, &reading);
    faults->counts.altered += truth.vehicles != reading.vehicles || truth.occupied_ms != reading.occupied_ms
        || truth.speed_mmps != reading.speed_mmps;
    int64_t due_ms = now_ms;
    enum fate fate = fate_of(faults, &setting, &draws, now_ms, &due_ms);
    if (fate == FATE_LATE || (fate == FATE_ARRIVES && !put_loop(&faults->out, &reading))) {
        *GROW(faults->late_loops) = (struct late_loop){ due_ms, reading };
    }
}

static bool pictures_equal(const struct camera_reading *one, const struct camera_reading *other)
{
    return one->in_view == other->in_view && one->queued == other->queued && one->tail_mm == other->tail_mm
        && one->speed_mmps == other->speed_mmps && memcmp(one->turned, other->turned, sizeof one->turned) == 0
        && memcmp(one->bin_vehicles, other->bin_vehicles, sizeof one->bin_vehicles) == 0
        && memcmp(one->bin_speed_mmps, other->bin_speed_mmps, sizeof one->bin_speed_mmps) == 0;
}

static void take_camera(struct sensor_faults *faults, int64_t now_ms, const struct camera_columns *rows, int32_t at)
{
    int32_t sensor = sensor_of_camera(faults, rows->camera[at]);
    struct camera_reading reading = camera_reading_of(rows, at), truth = reading;
    struct setting setting = setting_of(faults, sensor, now_ms);
    struct draws draws = draws_of(faults, sensor, now_ms);
    faults->counts.readings++;
    if (setting.stuck != STUCK_ON) {
        faults->pictures[reading.camera] = reading;
    }
    if (setting.dead) {
        faults->counts.silent++;
        return;
    }
    spoil_camera(faults, &setting, &draws, &reading);
    faults->counts.altered += !pictures_equal(&truth, &reading);
    int64_t due_ms = now_ms;
    enum fate fate = fate_of(faults, &setting, &draws, now_ms, &due_ms);
    if (fate == FATE_LATE || (fate == FATE_ARRIVES && !put_camera(&faults->out, &reading))) {
        *GROW(faults->late_cameras) = (struct late_camera){ due_ms, reading };
    }
}

// Tells an edge, if it gets through.
static void tell_edge(struct sensor_faults *faults, const struct setting *setting, struct draws *draws, int64_t now_ms,
                      struct edge edge)
{
    int64_t due_ms = now_ms;
    faults->edge_states[edge.detector].told_covered = edge.on != 0;
    enum fate fate = fate_of(faults, setting, draws, now_ms, &due_ms);
    if (fate == FATE_LATE || (fate == FATE_ARRIVES && !put_edge(&faults->out, &edge))) {
        *GROW(faults->late_edges) = (struct late_edge){ due_ms, edge };
    }
}

// One true edge of a loop that is neither dead nor stuck.
static void take_edge(struct sensor_faults *faults, const struct setting *setting, struct draws *draws, int64_t now_ms,
                      struct edge edge)
{
    struct edge_state *state = &faults->edge_states[edge.detector];
    int32_t times = 1;
    if (edge.on != 0 && counts_wrongly(setting)) {
        state->overlooked = draw(draws) < setting->miss;
    } else if (edge.on == 0 && counts_wrongly(setting) && !state->overlooked) {
        // Those that are not overlooked are counted twice so often that it is setting->twice of all.
        times = setting->miss < 1.0 && draw(draws) < setting->twice / (1.0 - setting->miss) ? 2 : 1;
    }
    if (state->overlooked) {
        faults->counts.altered++;
    } else {
        tell_edge(faults, setting, draws, now_ms, edge);
    }
    if (times == 2) {
        faults->counts.altered++;
        tell_edge(faults, setting, draws, now_ms, (struct edge){ edge.detector, 1, edge.at_ms });
        tell_edge(faults, setting, draws, now_ms, edge);
    }
    state->overlooked = state->overlooked && edge.on != 0;
}

// What a loop says of itself at a look, its true edges told or not: that it sticks, that it is well again, chatter.
static void end_edges(struct sensor_faults *faults, int32_t detector, const struct setting *setting,
                      struct draws *draws, int64_t now_ms)
{
    struct edge_state *state = &faults->edge_states[detector];
    bool stuck = setting->dead || setting->stuck != STUCK_NOT;
    bool covered = setting->stuck == STUCK_NOT ? state->covered : setting->stuck == STUCK_ON;
    if (!setting->dead && stuck != state->stuck && covered != state->told_covered) {
        tell_edge(faults, setting, draws, now_ms, (struct edge){ detector, covered, now_ms });
    }
    state->stuck = stuck;
    if (!stuck && setting->chatter_per_s > 0.0 && !state->told_covered) {
        int32_t pulses = (int32_t)setting->chatter_per_s;
        pulses += draw(draws) < setting->chatter_per_s - (double)pulses ? 1 : 0;
        pulses = pulses < EDGES_MAX / 3 ? pulses : EDGES_MAX / 3;
        for (int32_t i = 0; i < pulses; i++) {
            int64_t at_ms = now_ms - (pulses - i) * 2 * CHATTER_MS;
            faults->counts.altered++;
            tell_edge(faults, setting, draws, now_ms, (struct edge){ detector, 1, at_ms });
            tell_edge(faults, setting, draws, now_ms, (struct edge){ detector, 0, at_ms + CHATTER_MS });
        }
    }
}

// All edges of a look, each loop's in a row of its own: those of one loop are spoilt one after the other.
static void take_edges(struct sensor_faults *faults, int64_t now_ms, const struct edge_columns *rows)
{
    for (int32_t i = 0; i < rows->count; i++) {
        int32_t detector = rows->detector[i];
        struct setting setting = setting_of(faults, detector, now_ms);
        struct draws draws = draws_of(faults, detector, now_ms);
        draws.next += DRAWS_OF_READING + (uint64_t)(rows->at_ms[i] & 1023) * DRAWS_OF_EDGE
            + (rows->on[i] != 0 ? DRAWS_OF_EDGE / 2 : 0);
        faults->counts.readings++;
        faults->edge_states[detector].covered = rows->on[i] != 0;
        if (setting.dead || setting.stuck != STUCK_NOT) {
            faults->counts.silent++;
        } else {
            take_edge(faults, &setting, &draws, now_ms,
                      (struct edge){ detector, rows->on[i] != 0, rows->at_ms[i] });
        }
    }
    for (int32_t detector = 0; detector < faults->network->detector_count; detector++) {
        struct setting setting = setting_of(faults, detector, now_ms);
        struct draws draws = draws_of(faults, detector, now_ms);
        draws.next += DRAWS_OF_LOOK;
        end_edges(faults, detector, &setting, &draws, now_ms);
    }
}

const struct observation_columns *sensor_faults_apply(struct sensor_faults *faults, int64_t now_ms,
                                                      const struct observation_columns *seen)
{
    if (faults->rule_count == 0) {
        faults->counts.readings += seen->loops.count + seen->edges.count + seen->cameras.count;
        return seen;
    }
    observation_buffer_clear(&faults->out);
    deliver_late(faults, now_ms);
    for (int32_t i = 0; i < seen->loops.count; i++) {
        take_loop(faults, now_ms, &seen->loops, i);
    }
    for (int32_t i = 0; i < seen->cameras.count; i++) {
        take_camera(faults, now_ms, &seen->cameras, i);
    }
    if (faults->edges) {
        take_edges(faults, now_ms, &seen->edges);
    }
    return &faults->out.rows;
}

const struct sensor_counts *sensor_faults_counts(const struct sensor_faults *faults)
{
    return &faults->counts;
}

static void put_list(struct byte_sink *sink, const void *at, int32_t count, size_t bytes)
{
    sink_number(sink, count);
    sink_put(sink, at, (size_t)count * bytes);
}

// False when the list is not all there.
static bool take_list(struct byte_source *source, void **at, int32_t *count, int32_t *capacity, size_t bytes)
{
    int64_t rows = source_number(source);
    if (source->failed || rows < 0 || (size_t)rows > source->left / bytes) {
        return false;
    }
    memory_grow(at, capacity, (int32_t)rows, bytes);
    source_take(source, *at, (size_t)rows * bytes);
    *count = (int32_t)rows;
    return true;
}

// Of the rules and of the sensors that they hit.
static int64_t rules_hash(const struct sensor_faults *faults)
{
    uint64_t hash = hash_number(HASH_SEED, faults->rule_count);
    for (int32_t r = 0; r < faults->rule_count; r++) {
        const struct fault_rule *rule = &faults->rules[r];
        const double numbers[] = { rule->chatter_per_s, rule->miss, rule->twice, rule->noise, rule->loss };
        const int64_t words[] = { rule->dead, rule->stuck, rule->delay_ms, rule->jitter_ms, rule->from_ms, rule->to_ms,
            rule->every_ms, rule->for_ms };
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
            int64_t bits;
            memcpy(&bits, &numbers[i], sizeof bits);
            hash = hash_number(hash, bits);
        }
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
            hash = hash_number(hash, words[i]);
        }
    }
    for (int32_t i = 0; i < faults->sensor_rules.count; i++) {
        hash = hash_number(hash, faults->sensor_rules.at[i]);
    }
    return (int64_t)hash;
}

void sensor_faults_save(const struct sensor_faults *faults, struct byte_sink *sink)
{
    sink_put(sink, &faults->counts, sizeof faults->counts);
    sink_number(sink, rules_hash(faults));
    put_list(sink, faults->pictures, faults->network->camera_count, sizeof *faults->pictures);
    put_list(sink, faults->edge_states, faults->network->detector_count, sizeof *faults->edge_states);
    put_list(sink, faults->late_loops.at, faults->late_loops.count, sizeof *faults->late_loops.at);
    put_list(sink, faults->late_edges.at, faults->late_edges.count, sizeof *faults->late_edges.at);
    put_list(sink, faults->late_cameras.at, faults->late_cameras.count, sizeof *faults->late_cameras.at);
}

static bool known_sensors(const struct sensor_faults *faults)
{
    for (int32_t i = 0; i < faults->late_loops.count; i++) {
        int32_t detector = faults->late_loops.at[i].reading.detector;
        if (detector < 0 || detector >= faults->network->detector_count) {
            return false;
        }
    }
    for (int32_t i = 0; i < faults->late_edges.count; i++) {
        int32_t detector = faults->late_edges.at[i].edge.detector;
        if (detector < 0 || detector >= faults->network->detector_count) {
            return false;
        }
    }
    for (int32_t i = 0; i < faults->late_cameras.count; i++) {
        const struct camera_reading *reading = &faults->late_cameras.at[i].reading;
        if (reading->camera < 0 || reading->camera >= faults->network->camera_count || reading->bin_count < 0
            || reading->bin_count > CAMERA_BIN_COUNT_MAX) {
            return false;
        }
    }
    return true;
}

enum status sensor_faults_load(struct sensor_faults *faults, struct byte_source *source, struct problem *problem)
{
    source_take(source, &faults->counts, sizeof faults->counts);
    if (source_number(source) != rules_hash(faults)) {
        return problem_report(problem, STATUS_VERSION, "checkpoint", "sensors",
                              "load it with the faults that it was saved with", "its sensors have other faults");
    }
    int32_t pictures = 0, states = 0, picture_room = faults->network->camera_count,
        state_room = faults->network->detector_count;
    bool whole = take_list(source, (void **)&faults->pictures, &pictures, &picture_room, sizeof *faults->pictures)
        && take_list(source, (void **)&faults->edge_states, &states, &state_room, sizeof *faults->edge_states)
        && take_list(source, (void **)&faults->late_loops.at, &faults->late_loops.count, &faults->late_loops.capacity,
                     sizeof *faults->late_loops.at)
        && take_list(source, (void **)&faults->late_edges.at, &faults->late_edges.count, &faults->late_edges.capacity,
                     sizeof *faults->late_edges.at)
        && take_list(source, (void **)&faults->late_cameras.at, &faults->late_cameras.count,
                     &faults->late_cameras.capacity, sizeof *faults->late_cameras.at)
        && pictures == faults->network->camera_count && states == faults->network->detector_count
        && known_sensors(faults);
    return whole ? STATUS_OK
        : problem_report(problem, STATUS_RANGE, "checkpoint", "sensors", "save it anew", "they are not all there");
}
