// stars.h: stars of roads under one signal program each, as SUMO's files: of random programs, and of given ones.
//
// CONTRACT  star_text gives a text that the caller frees. Letters by arm, then by exit counter-clockwise: of four arms
//           right, through, left.
#pragma once

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/model/network.h"

// A star of `arms` roads, both ways each, and every movement from arm to arm, straight from stop line to exit.
struct star {
    int arms;
    int letters;
    char states[40][80];
    int duration_s[40];
    int phases;
};

static inline struct point around(int arm, int arms, double radius_m, double side_m)
{
    double angle = 2.0 * 3.14159265358979 * arm / arms;
    return (struct point){ radius_m * cos(angle) - side_m * sin(angle), radius_m * sin(angle) + side_m * cos(angle) };
}

static inline char *star_text(const struct star *star)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    (void)fprintf(out, "<net>\n");
    for (int i = 0; i < star->arms; i++) {
        struct point far_in = around(i, star->arms, 120.0, 2.0), near_in = around(i, star->arms, 20.0, 2.0);
        struct point near_out = around(i, star->arms, 20.0, -2.0), far_out = around(i, star->arms, 120.0, -2.0);
        (void)fprintf(out, "<edge id=\"in%d\" from=\"E%d\" to=\"M\"><lane id=\"in%d_0\" index=\"0\" speed=\"13.89\" "
                      "length=\"100\" shape=\"%.2f,%.2f %.2f,%.2f\"/></edge>\n", i, i, i, far_in.x_m, far_in.y_m,
                      near_in.x_m, near_in.y_m);
        (void)fprintf(out, "<edge id=\"out%d\" from=\"M\" to=\"E%d\"><lane id=\"out%d_0\" index=\"0\" speed=\"13.89\" "
                      "length=\"100\" shape=\"%.2f,%.2f %.2f,%.2f\"/></edge>\n", i, i, i, near_out.x_m, near_out.y_m,
                      far_out.x_m, far_out.y_m);
        (void)fprintf(out, "<junction id=\"E%d\" type=\"dead_end\" x=\"0\" y=\"0\"/>\n", i);
    }
    (void)fprintf(out, "<junction id=\"M\" type=\"traffic_light\" x=\"0\" y=\"0\"/>\n<tlLogic id=\"M\" programID=\"0\" "
                  "type=\"static\" offset=\"3\">\n");
    for (int p = 0; p < star->phases; p++) {
        (void)fprintf(out, "<phase duration=\"%d\" state=\"%s\"/>\n", star->duration_s[p], star->states[p]);
    }
    (void)fprintf(out, "</tlLogic>\n");
    for (int i = 0, letter = 0; i < star->arms; i++) {
        for (int k = 1; k < star->arms; k++, letter++) {
            (void)fprintf(out, "<connection from=\"in%d\" to=\"out%d\" fromLane=\"0\" toLane=\"0\" tl=\"M\" "
                          "linkIndex=\"%d\" dir=\"%c\" state=\"o\"/>\n", i, (i + k) % star->arms, letter,
                          k == 1 ? 'r' : k == star->arms - 1 ? 'l' : 's');
        }
    }
    (void)fprintf(out, "</net>\n");
    assert_int_equal(fclose(out), 0);
    return text;
}

static inline uint64_t draw(uint64_t round, uint64_t *draws)
{
    return random_bits(11, RANDOM_TEST, round, (*draws)++);
}

static inline void phase_add(struct star *star, const char *state, int duration_s)
{
    memcpy(star->states[star->phases], state, (size_t)star->letters + 1);
    star->duration_s[star->phases++] = duration_s;
}

// Greens of random letters, mostly minor; then, often, a yellow for those that end, and sometimes an all-red.
static inline struct star star_random(uint64_t round)
{
    uint64_t draws = 0;
    struct star star = { .arms = 3 + (int)(draw(round, &draws) % 3) };
    star.letters = star.arms * (star.arms - 1);
    int greens = 2 + (int)(draw(round, &draws) % 5);
    uint64_t seed = draw(round, &draws) % 4;
    char now[80] = "", next[80] = "", first[80] = "";
    for (int p = 0; p <= greens; p++) {
        for (int i = 0; i < star.letters; i++) {
            uint64_t bits = draw(round, &draws);
            next[i] = bits % 4 >= 2 - seed / 2 ? 'r' : bits / 4 % 16 == 0 ? 'G' : 'g';
        }
        if (p == 0) {
            memcpy(first, next, sizeof first);
        } else {
            const char *then = p == greens ? first : next;
            phase_add(&star, now, 1 + (int)(draw(round, &draws) % 30));
            char change[80] = "";
            for (int i = 0; i < star.letters; i++) {
                bool stays = now[i] != 'r' && then[i] != 'r';
                change[i] = stays ? now[i] : now[i] != 'r' ? 'y' : 'r';
            }
            if (draw(round, &draws) % 4 > 0) {
                phase_add(&star, change, 1 + (int)(draw(round, &draws) % 8));
            }
            for (int i = 0; i < star.letters; i++) {
                change[i] = change[i] == 'y' ? 'r' : change[i];
            }
            if (draw(round, &draws) % 3 == 0) {
                phase_add(&star, change, 1 + (int)(draw(round, &draws) % 4));
            }
        }
        memcpy(now, next, sizeof now);
    }
    return star;
}
