#include "sim/report/trip_traces.h"

#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/model/units.h"

enum { AHEAD = 12 };   // vehicles whose rows are asked for beforehand: numbers are not in the order of lanes

static void burn(struct trip_traces *traces, struct trip_trace *trace, enum user_class user, double speed_mps,
                 double acceleration_mps2, double seconds)
{
    double rates_mgps[EMISSION_COUNT];
    int count = traces->all_emissions ? EMISSION_COUNT : EMISSION_FUEL + 1;
    emission_rates(user, speed_mps, acceleration_mps2, count, rates_mgps);
    for (int i = 0; i < count; i++) {
        trace->emitted_mg[i] += rates_mgps[i] * seconds;
    }
    traces->co2_mg += rates_mgps[EMISSION_CO2] * seconds;
    traces->fuel_l += rates_mgps[EMISSION_FUEL] * seconds * emission_fuel_l_per_mg(user);
}

static struct trip_trace *trace_at(struct trip_traces *traces, int32_t number)
{
    if (number >= traces->rows.count) {
        memory_grow((void **)&traces->rows.at, &traces->rows.capacity, number + 1, sizeof *traces->rows.at);
        traces->rows.count = number + 1;
    }
    return &traces->rows.at[number];
}

void trip_traces_look(struct trip_traces *traces, const struct vehicle_type *types, const struct vehicle_view *views,
                      int32_t count, int64_t now_ms, int32_t step_ms)
{
    double step_s = s_from_ms(step_ms);
    for (int32_t i = 0; i < count; i++) {
        const struct vehicle_view *view = &views[i];
        if (i + AHEAD < count && views[i + AHEAD].number < traces->rows.count) {
            memory_expect_write(&traces->rows.at[views[i + AHEAD].number]);
        }
        struct trip_trace *trace = trace_at(traces, view->number);
        double before_mps = trace->seen ? (double)trace->speed_mps : view->speed_mps;
        if (!trace->seen) {
            trace->seen = true;
            trace->depart_lane = view->lane;
            trace->depart_m = (float)view->front_m;
            trace->depart_mps = (float)view->speed_mps;
        }
        burn(traces, trace, types[view->type].user, view->speed_mps, (view->speed_mps - before_mps) / step_s, step_s);
        trace->speed_mps = (float)view->speed_mps;
        trace->front_m = (float)view->front_m;
        trace->lane = view->lane;
        trace->inside = view->connection;
    }
    traces->seen_ms = now_ms;
}

void trip_traces_arrive(struct trip_traces *traces, const struct vehicle_type *types, const struct trip_result *trips,
                        int32_t count, int32_t step_ms)
{
    for (int32_t i = 0; i < count; i++) {
        struct trip_trace *trace = trace_at(traces, trips[i].number);
        int64_t last_ms = trips[i].arrived_ms - (traces->seen_ms - step_ms);
        if (trace->seen && last_ms > 0) {
            burn(traces, trace, types[trips[i].type].user, (double)trace->speed_mps, 0.0, s_from_ms(last_ms));
        }
    }
}

void trip_traces_release(struct trip_traces *traces)
{
    free(traces->rows.at);
    *traces = (struct trip_traces){ 0 };
}

const struct trip_trace *trip_traces_of(const struct trip_traces *traces, int32_t number)
{
    return number < traces->rows.count && traces->rows.at[number].seen ? &traces->rows.at[number] : NULL;
}
