#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run.h"
#include "engine/model/units.h"
#include "sim/traffic/calibration.h"

const char RUN_OPTIONS_HELP[] =
    "  --network FILE          SUMO .net.xml or .sumocfg, CityFlow roadnet.json, or our own\n"
    "  --demand FILE[,FILE]    SUMO routes, CityFlow flow.json, or our own; a .sumocfg names both\n"
    "  --additional FILE       SUMO's tlLogic, detectors, stops, vehicle types; may be given again\n"
    "  --site DIR              site data to lay over the network, as `intergreen site export` writes it\n"
    "  --daemon ADDRESS        unix:PATH or [tls:]HOST:PORT: the brain of a running daemon (or INTERGREEN_DAEMON)\n"
    "  --credential FILE       the token for it\n"
    "  --certificate FILE --key FILE --authority FILE    for a daemon at tls:HOST:PORT\n"
    "  --begin T --seconds S   simulated hours, in seconds of the demand's clock\n"
    "  --step-s S              step of the street, 0.1 to 1 (default: the .sumocfg's, else 1)\n"
    "  --saturation-flow-vph X what a queue of each type discharges, 1500 to 2200 (default: as its parameters give)\n"
    "  --start-loss-s Y        start-up lost time of a queue, 0 to 4 (default: as its parameters give)\n"
    "  --threads T             of street and brain; the result does not depend on it\n"
    "  --seed S                drivers and sensors\n"
    "  --sensing WHAT          camera (default), loops (counts of each second), edges (when they are covered and\n"
    "                          freed), or several by commas\n"
    "  --sensor-faults FILE    which sensors lie, how and when (docs/simulator.md)\n"
    "  --camera-miscount P --loop-miscount P    each vehicle is overlooked or counted twice with this probability\n"
    "  --message-loss P --message-delay S       each reading is lost, or comes so much later\n"
    "  --dead-sensors P        this share of all sensors says nothing\n"
    "  --incidents FILE        which lanes and links are closed when (docs/simulator.md)\n"
    "  --pedestrians-per-hour X    so many come to each pedestrian signal, at random (default 0)\n"
    "  --no-priority           emergency vehicles, buses and trams ask the signals for nothing\n"
    "  --announce-s S          the brain hears of an emergency vehicle so long before it sets out (default 60)\n"
    "  --apart                 each region of the network is led by a brain of its own, as by a daemon of its own\n"
    "  --apart-loss P          ... and what crosses their borders is lost with this probability\n"
    "  --demand-scale X        each trip X times\n"
    "  --intergreen-s X        this intergreen for every conflict, for studies\n"
    "  --ignore-route-errors   a bad trip costs only itself\n"
    "  --record DIR            a recording of all that the brain is told and answers, for `intergreen replay`\n"
    "  --out DIR               trips, summary and detectors, each as SUMO's XML and as CSV\n"
    "  --detector-period S     interval of the detectors' output (default 60)\n"
    "  --fcd                   and where every vehicle is, each second\n"
    "  --fcd-period S          ... each S seconds\n"
    "  --fcd-links A,B --fcd-box X1,Y1,X2,Y2    ... on these links, in this box of the network's metres\n"
    "  --no-emissions          without fuel and CO2, which take a tenth of a run\n"
    "  --quiet                 no progress\n";

bool run_number(const char *name, const char *value, double low, double high, double *ret)
{
    char *end = NULL;
    errno = 0;
    double read = value != NULL ? strtod(value, &end) : 0.0;
    if (value == NULL || end == value || *end != '\0' || errno != 0 || !(read >= low && read <= high)) {
        fprintf(stderr, "intergreen: --%s takes a number from %g to %g, not '%s'\n", name, low, high,
                value != NULL ? value : "");
        return false;
    }
    *ret = read;
    return true;
}

static bool sensing_option(const char *value, int *ret)
{
    static const struct { const char *word; int bits; } WORDS[] = {
        { "camera", SENSING_CAMERA }, { "cameras", SENSING_CAMERA }, { "loops", SENSING_LOOPS },
        { "edges", SENSING_EDGES }, { "both", SENSING_CAMERA | SENSING_LOOPS },
    };
    int sensing = 0;
    const char *at = value;
    while (*at != '\0') {
        size_t bytes = strcspn(at, ",");
        int bits = 0;
        for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
            bits |= strlen(WORDS[i].word) == bytes && strncmp(at, WORDS[i].word, bytes) == 0 ? WORDS[i].bits : 0;
        }
        sensing = bits != 0 ? sensing | bits : 0;
        at += bits != 0 ? bytes + (at[bytes] == ',') : strlen(at);
    }
    if (sensing == 0) {
        fprintf(stderr, "intergreen: --sensing takes camera, loops, edges or several by commas, not '%s'\n", value);
        return false;
    }
    *ret = sensing;
    return true;
}

// The short forms of rules of --sensor-faults.
static bool fault_option(const char *name, const char *value, struct fault_plan *plan, bool *ret_good)
{
    static const char *const RULES[][3] = {   // option, what the rule says before and after the number
        { "camera-miscount", "cameras * miscount", "" }, { "loop-miscount", "loops * miscount", "" },
        { "message-loss", "both * loss", "" }, { "message-delay", "both * delay", "" },
        { "dead-sensors", "both * share", "dead" },
    };
    struct problem problem;
    enum status status = STATUS_OK;
    bool known = strcmp(name, "sensor-faults") == 0;
    if (known) {
        status = fault_plan_read(value, plan, &problem);
    }
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES && !known; i++) {
        char line[256], option[64];
        known = strcmp(name, RULES[i][0]) == 0;
        if (known) {
            (void)snprintf(line, sizeof line, "%s %.100s %s", RULES[i][1], value, RULES[i][2]);
            (void)snprintf(option, sizeof option, "--%s", name);
            status = fault_plan_add(option, line, 0, plan, &problem);
        }
    }
    if (status != STATUS_OK) {
        fprintf(stderr, "intergreen: %s\n", problem.text);
    }
    *ret_good = status == STATUS_OK;
    return known;
}

static bool seconds_option(const char *name, const char *value, double low_s, int32_t *ret_ms)
{
    double read_s = 0.0;
    bool good = run_number(name, value, low_s, 86400.0, &read_s);
    *ret_ms = good ? (int32_t)ms_from_s(read_s) : *ret_ms;
    return good;
}

static bool box_option(const char *value, struct fcd_filter *ret)
{
    int end = 0;
    ret->boxed = sscanf(value, "%lf,%lf,%lf,%lf%n", &ret->x_m_min, &ret->y_m_min, &ret->x_m_max, &ret->y_m_max, &end)
            == 4 && value[end] == '\0';
    if (!ret->boxed) {
        fprintf(stderr, "intergreen: --fcd-box takes X1,Y1,X2,Y2 in metres of the network, not '%s'\n", value);
    }
    return ret->boxed;
}

static bool output_option(const char *name, const char *value, struct run_options *ret, bool *ret_good)
{
    *ret_good = true;
    if (strcmp(name, "no-emissions") == 0) {
        ret->emissions = false;
    } else if (strcmp(name, "fcd") == 0) {
        ret->output.fcd = true;
    } else if (strcmp(name, "fcd-links") == 0) {
        ret->output.fcd = true;
        ret->output.fcd_filter.links = value;
    } else if (strcmp(name, "fcd-box") == 0) {
        ret->output.fcd = true;
        *ret_good = box_option(value, &ret->output.fcd_filter);
    } else if (strcmp(name, "fcd-period") == 0) {
        ret->output.fcd = true;
        *ret_good = seconds_option(name, value, 0.1, &ret->output.fcd_filter.period_ms);
    } else if (strcmp(name, "detector-period") == 0) {
        *ret_good = seconds_option(name, value, 1.0, &ret->output.detector_period_ms);
    } else {
        return false;
    }
    return true;
}

bool run_option(const char *name, const char *value, struct run_options *ret)
{
    struct { const char *name; const char **text; } texts[] = {
        { "network", &ret->network }, { "demand", &ret->demand }, { "daemon", &ret->daemon }, { "out", &ret->out },
        { "record", &ret->record }, { "incidents", &ret->incidents }, { "site", &ret->site },
        { "credential", &ret->credential }, { "certificate", &ret->tls.certificate }, { "key", &ret->tls.key },
        { "authority", &ret->tls.authority },
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(name, texts[i].name) == 0) {
            *texts[i].text = value;
            return true;
        }
    }
    double read = 0.0;
    bool good = true;
    if (fault_option(name, value, &ret->faults, &good) || output_option(name, value, ret, &good)) {
        return good;
    }
    if (strcmp(name, "sensing") == 0) {
        return sensing_option(value, &ret->sensing);
    } else if (strcmp(name, "additional") == 0) {
        good = ret->import.additional_count < RUN_ADDITIONAL_COUNT_MAX;
        if (good) {
            ret->additional[ret->import.additional_count++] = value;
        } else {
            fprintf(stderr, "intergreen: more than %d additional files\n", RUN_ADDITIONAL_COUNT_MAX);
        }
    } else if (strcmp(name, "begin") == 0) {
        good = run_number(name, value, -1e9, 1e10, &ret->begin_s);
    } else if (strcmp(name, "seconds") == 0) {
        good = run_number(name, value, 1.0, 1e7, &ret->seconds);
    } else if (strcmp(name, "demand-scale") == 0) {
        good = run_number(name, value, 0.0, DEMAND_SCALE_MAX, &ret->demand_scale);
    } else if (strcmp(name, "step-s") == 0) {
        good = run_number(name, value, 0.1, 1.0, &read);
        ret->step_ms = (int32_t)ms_from_s(read);
        if (good && MS_PER_S % ret->step_ms != 0) {
            fprintf(stderr, "intergreen: --step-s must divide a second: 0.1, 0.2, 0.25, 0.5 or 1\n");
            return false;
        }
    } else if (strcmp(name, "saturation-flow-vph") == 0) {
        good = run_number(name, value, DISCHARGE_FLOW_VPH_MIN, DISCHARGE_FLOW_VPH_MAX, &ret->saturation_flow_vph);
    } else if (strcmp(name, "start-loss-s") == 0) {
        good = run_number(name, value, 0.0, DISCHARGE_LOST_S_MAX, &ret->start_loss_s);
    } else if (strcmp(name, "pedestrians-per-hour") == 0) {
        good = run_number(name, value, 0.0, 100000.0, &ret->pedestrians_per_hour);
    } else if (strcmp(name, "threads") == 0) {
        good = run_number(name, value, 1, 256, &read);
        ret->threads = (int)read;
    } else if (strcmp(name, "seed") == 0) {
        good = run_number(name, value, 0, 9e15, &read);
        ret->seed = (uint64_t)read;
    } else if (strcmp(name, "intergreen-s") == 0) {
        good = run_number(name, value, 0, 60, &read);
        ret->import.intergreen_ms = (int32_t)ms_from_s(read);
    } else if (strcmp(name, "ignore-route-errors") == 0) {
        ret->ignore_route_errors = true;
    } else if (strcmp(name, "no-priority") == 0) {
        ret->no_priority = true;
    } else if (strcmp(name, "announce-s") == 0) {
        good = run_number(name, value, 0, 600, &ret->announce_s);
    } else if (strcmp(name, "apart") == 0) {
        ret->apart = true;
    } else if (strcmp(name, "apart-loss") == 0) {
        good = run_number(name, value, 0, 1, &ret->apart_loss);
    } else if (strcmp(name, "quiet") == 0) {
        ret->quiet = ret->terse = true;
    }
    return good;
}

void run_options_release(struct run_options *options)
{
    fault_plan_release(&options->faults);
}
