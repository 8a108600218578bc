// cityflow_crossing.h: a CityFlow roadnet of one crossing with any of four legs, as text, for tests of the import.
//
//                 N 3          Legs are 300 m from centre to border, right-hand traffic, lanes of 4 m, 11.111 m/s. Road
//                  │           "in0" comes from leg 0, "out0" leads there. Road links in order of leg: straight, left,
//            W 0 ──┼── E 2     right, as far as the legs exist. With three lanes the left one turns left, the right one
//                  │           right; with one lane it does all.
//                 S 1
//
// Phases as the published files have them: 0 right turns alone for 5 s, 1 and 2 through W E and N S, 3 and 4 left W E
// and
// N S, 5 to 8 one leg's left and through, 30 s each; right turns in all of them.
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/memory.h"

#define CITYFLOW_TEXT_BYTES 65536
#define CITYFLOW_LEGS 4

struct cityflow_crossing {
    unsigned legs;                  // bit k: leg k exists
    int lanes;                      // 3 or 1
    bool without_width, without_points;
    const char *phases;             // the text of the list, or NULL: as above
};

static const int CITYFLOW_X[CITYFLOW_LEGS] = { -1, 0, 1, 0 }, CITYFLOW_Y[CITYFLOW_LEGS] = { 0, -1, 0, 1 };

// Where a lane of a leg meets the stop line, 15 m from the centre; inwards or outwards traffic keeps right.
static void cityflow_point(FILE *to, int leg, int lane, bool inwards, const char *after)
{
    int hx = inwards ? -CITYFLOW_X[leg] : CITYFLOW_X[leg], hy = inwards ? -CITYFLOW_Y[leg] : CITYFLOW_Y[leg];
    double aside = 4.0 * (lane + 0.5);
    (void)fprintf(to, "{\"x\": %g, \"y\": %g}%s", 15.0 * CITYFLOW_X[leg] + hy * aside,
                  15.0 * CITYFLOW_Y[leg] - hx * aside,
                  after);
}

static void cityflow_road(FILE *to, const struct cityflow_crossing *crossing, int leg, bool inwards)
{
    (void)fprintf(to,
                  "{\"id\": \"%s%d\", \"startIntersection\": \"%s%d\", \"endIntersection\": \"%s%d\", \"points\": [",
                  inwards ? "in" : "out", leg, inwards ? "v" : "c", inwards ? leg : 9, inwards ? "c" : "v",
                  inwards ? 9 : leg);
    int from = inwards ? 300 : 0, end = 300 - from;
    (void)fprintf(to, "{\"x\": %d, \"y\": %d}, {\"x\": %d, \"y\": %d}], \"lanes\": [", CITYFLOW_X[leg] * from,
                  CITYFLOW_Y[leg] * from, CITYFLOW_X[leg] * end, CITYFLOW_Y[leg] * end);
    for (int i = 0; i < crossing->lanes; i++) {
        (void)fprintf(to, "%s{\"width\": 4, \"maxSpeed\": 11.111}", i > 0 ? ", " : "");
    }
    (void)fputs("]}", to);
}

static void cityflow_road_link(FILE *to, const struct cityflow_crossing *crossing, int from, int leg, int turn)
{
    static const char *const TYPES[] = { "go_straight", "turn_left", "turn_right" };
    static const int LANE[] = { 1, 0, 2 };
    int start = crossing->lanes == 3 ? LANE[turn] : 0;
    (void)fprintf(
        to, "{\"type\": \"%s\", \"startRoad\": \"in%d\", \"endRoad\": \"out%d\", \"direction\": %d, \"laneLinks\": [",
        TYPES[turn], from, leg, from);
    for (int i = 0; i < crossing->lanes; i++) {
        (void)fprintf(to, "%s{\"startLaneIndex\": %d, \"endLaneIndex\": %d, \"points\": [", i > 0 ? ", " : "", start,
                      i);
        if (!crossing->without_points) {
            cityflow_point(to, from, start, true, ", ");
            cityflow_point(to, leg, i, false, "");
        }
        (void)fputs("]}", to);
    }
    (void)fputs("]}", to);
}

// Whether a road link shows in one of the nine phases.
static bool cityflow_shows(int phase, int from, int turn)
{
    int across = from % 2;   // 0: W E, 1: N S
    return turn == 2 || (phase >= 5 && from == phase - 5) || (turn == 0 && phase == 1 + across)
        || (turn == 1 && phase == 3 + across);
}

static void cityflow_signals(FILE *to, const struct cityflow_crossing *crossing)
{
    static const int TO[3] = { 2, 3, 1 };   // straight, left, right: so many legs on
    int from[12], turn[12], count = 0;
    (void)fputs("\"roadLinks\": [", to);
    for (int k = 0; k < CITYFLOW_LEGS; k++) {
        for (int t = 0; t < 3; t++) {
            int leg = (k + TO[t]) % CITYFLOW_LEGS;
            if ((crossing->legs >> k & 1) && (crossing->legs >> leg & 1)) {
                (void)fputs(count > 0 ? ", " : "", to);
                cityflow_road_link(to, crossing, k, leg, t);
                from[count] = k;
                turn[count++] = t;
            }
        }
    }
    (void)fputs("], \"trafficLight\": {\"lightphases\": [", to);
    for (int phase = 0; crossing->phases == NULL && phase < 9; phase++) {
        const char *between = "";
        (void)fprintf(to, "%s{\"time\": %d, \"availableRoadLinks\": [", phase > 0 ? ", " : "", phase > 0 ? 30 : 5);
        for (int i = 0; i < count; i++) {
            if (cityflow_shows(phase, from[i], turn[i])) {
                (void)fprintf(to, "%s%d", between, i);
                between = ", ";
            }
        }
        (void)fputs("]}", to);
    }
    (void)fprintf(to, "%s]}", crossing->phases != NULL ? crossing->phases : "");
}

// The whole file; freed by the caller.
static inline char *cityflow_text(const struct cityflow_crossing *crossing)
{
    char *text = memory_take(CITYFLOW_TEXT_BYTES, 1);
    FILE *to = fmemopen(text, CITYFLOW_TEXT_BYTES - 1, "w");
    (void)fputs("{\"intersections\": [", to);
    for (int k = 0; k < CITYFLOW_LEGS; k++) {
        if (crossing->legs >> k & 1) {
            (void)fprintf(to, "{\"id\": \"v%d\", \"point\": {\"x\": %d, \"y\": %d}, \"width\": 0, \"virtual\": true, "
                          "\"roads\": [], \"roadLinks\": []},\n", k, 300 * CITYFLOW_X[k], 300 * CITYFLOW_Y[k]);
        }
    }
    (void)fprintf(to, "{\"id\": \"c9\", \"point\": {\"x\": 0, \"y\": 0}, %s\"virtual\": false, ",
                  crossing->without_width ? "" : "\"width\": 15, ");
    cityflow_signals(to, crossing);
    (void)fputs("}],\n\"roads\": [", to);
    const char *between = "";
    for (int k = 0; k < CITYFLOW_LEGS; k++) {
        if (crossing->legs >> k & 1) {
            (void)fputs(between, to);
            cityflow_road(to, crossing, k, true);
            (void)fputs(",\n", to);
            cityflow_road(to, crossing, k, false);
            between = ",\n";
        }
    }
    (void)fputs("]}\n", to);
    (void)fclose(to);
    return text;
}
