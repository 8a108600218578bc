#include "engine/serve/leaders.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/estimate/boundary.h"

struct leaders {
    const struct network *network;
    bool parted;                      // somebody said which regions: until then it is all of them
    _Atomic uint64_t led;
    pthread_mutex_t mutex;
    char address[BOUNDARY_REGION_COUNT_MAX][LEADER_ADDRESS_BYTES_MAX];
};

void leaders_create(const struct network *network, struct leaders **ret)
{
    struct leaders *leaders = memory_take(1, sizeof *leaders);
    leaders->network = network;
    pthread_mutex_init(&leaders->mutex, NULL);
    *ret = leaders;
}

void leaders_release(struct leaders *leaders)
{
    if (leaders != NULL) {
        pthread_mutex_destroy(&leaders->mutex);
        free(leaders);
    }
}

void leaders_set(struct leaders *leaders, uint64_t regions_led)
{
    leaders->parted = true;
    atomic_store(&leaders->led, regions_led);
}

void leaders_address_set(struct leaders *leaders, int32_t region, const char *address)
{
    pthread_mutex_lock(&leaders->mutex);
    snprintf(leaders->address[region], LEADER_ADDRESS_BYTES_MAX, "%s", address);
    pthread_mutex_unlock(&leaders->mutex);
}

bool leaders_leads(const struct leaders *leaders, int32_t intersection)
{
    return !leaders->parted
        || (atomic_load(&leaders->led) >> boundary_region(leaders->network, intersection) & 1) != 0;
}

void leaders_whither(struct leaders *leaders, int32_t intersection, char *address, struct problem *ret)
{
    int32_t region = boundary_region(leaders->network, intersection);
    const struct names *names = &leaders->network->regions;
    pthread_mutex_lock(&leaders->mutex);
    snprintf(address, LEADER_ADDRESS_BYTES_MAX, "%s", leaders->address[region]);
    pthread_mutex_unlock(&leaders->mutex);
    (void)problem_report(ret, STATUS_REFUSED, "region", names->count > 0 ? names_text(names, region) : NULL, NULL,
                         address[0] != '\0' ? "led by another daemon: connect to %.200s"
                                            : "led by another daemon, or by none now%.0s", address);
}

// ---- to whom a peer belongs

struct whereabouts {
    int32_t here, elsewhere;          // things of the peer that are led so
    int32_t example;                  // an intersection that is led elsewhere
};

static void add(const struct leaders *leaders, enum owned_kind kind, int32_t index, struct whereabouts *where)
{
    const struct network *network = leaders->network;
    int32_t intersection = kind == OWNED_INTERSECTION ? index
        : kind == OWNED_DETECTOR ? network->detectors[index].intersection : network->cameras[index].intersection;
    bool led = leaders_leads(leaders, intersection);
    where->here += led;
    where->elsewhere += !led;
    where->example = led ? where->example : intersection;
}

static void add_names(const struct leaders *leaders, enum owned_kind kind, const struct names_said *names,
                      const int32_t *by_name, struct whereabouts *where)
{
    for (int32_t i = 0; i < names->count; i++) {
        int32_t text = names_find(&leaders->network->names, names->names[i]);
        int32_t index = text == NAME_NONE ? INDEX_NONE : by_name[text];
        if (index != INDEX_NONE) {
            add(leaders, kind, index, where);
        }
    }
}

static void add_indices(const struct leaders *leaders, enum owned_kind kind, const struct indices *indices,
                        struct whereabouts *where)
{
    for (int32_t i = 0; i < indices->count; i++) {
        add(leaders, kind, indices->at[i], where);
    }
}

static bool belongs(struct leaders *leaders, enum role role, const struct whereabouts *where, char *address,
                    struct problem *ret)
{
    bool here = where->elsewhere == 0 || (role == ROLE_DETECTOR && where->here > 0)
        || (role != ROLE_DETECTOR && role != ROLE_CONTROLLER);
    if (!here) {
        leaders_whither(leaders, where->example, address, ret);
    }
    return here;
}

bool leaders_take_hello(struct leaders *leaders, const struct hello *hello, char *address, struct problem *ret)
{
    const struct network *network = leaders->network;
    struct whereabouts where = { .example = INDEX_NONE };
    if (!leaders->parted) {
        return true;
    }
    add_names(leaders, OWNED_INTERSECTION, &hello->intersections, network->intersection_by_name, &where);
    add_names(leaders, OWNED_DETECTOR, &hello->detectors, network->detector_by_name, &where);
    add_names(leaders, OWNED_CAMERA, &hello->cameras, network->camera_by_name, &where);
    return belongs(leaders, hello->role, &where, address, ret);
}

bool leaders_keep_session(struct leaders *leaders, const struct session *session, char *address, struct problem *ret)
{
    struct whereabouts where = { .example = INDEX_NONE };
    add_indices(leaders, OWNED_INTERSECTION, &session->intersections, &where);
    add_indices(leaders, OWNED_DETECTOR, &session->detectors, &where);
    add_indices(leaders, OWNED_CAMERA, &session->cameras, &where);
    return belongs(leaders, session->role, &where, address, ret);
}
