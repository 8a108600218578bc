#include "sim/demand/sumo_notes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"

// Attributes that are read, or that change no traffic in SUMO without its sublane model. Between spaces.
static const char TYPE[] =
    " id refId vClass length minGap maxSpeed desiredMaxSpeed accel decel emergencyDecel tau sigma speedFactor speedDev "
    "startupDelay carFollowModel probability color guiShape imgFile osgFile width height personCapacity "
    "containerCapacity boardingDuration loadingDuration carriageLength locomotiveLength carriageGap carriageDoors "
    "latAlignment minGapLat maxSpeedLat parkingBadges mass cost ";
static const char TRIP[] =
    " id type route depart departLane departPos departSpeed arrivalLane arrivalPos arrivalSpeed from to via fromTaz "
    "toTaz fromJunction toJunction color line personNumber containerNumber departPosLat arrivalPosLat reroute begin "
    "end number period vehsPerHour perHour probability cost ";
static const char ROUTE[] = " id refId edges repeat probability color cost savings ";
static const char STOP[] =
    " busStop trainStop containerStop chargingStation parkingArea lane edge startPos endPos friendlyPos duration until "
    "parking triggered containerTriggered join speed index expected expectedContainers line tripId actType arrival "
    "started ended posLat color ";
static const char FOLLOWING[] = " accel decel emergencyDecel tau sigma startupDelay ";

// Elements that say nothing of traffic, and those that the importer of the network reads.
static const char ELEMENTS[] =
    " poly poi location viewsettings taz tazs tazSource tazSink tlLogic inductionLoop e1Detector laneAreaDetector "
    "e2Detector entryExitDetector e3Detector access space edge ";

static bool among(const char *words, const char *word)
{
    char spaced[TEXT_BYTES];
    (void)snprintf(spaced, sizeof spaced, " %s ", word);
    return strstr(words, spaced) != NULL;
}

// Whether this is told for the first time.
static bool first_time(struct reader *reader, const char *what)
{
    int32_t known = reader->told.count;
    return names_add(&reader->told, what) == known;
}

void sumo_note_attributes(struct reader *reader, const struct sumo_xml *xml, const char *element,
                          const char **attributes)
{
    const char *heeded = strcmp(element, "vType") == 0 ? TYPE : strcmp(element, "route") == 0 ? ROUTE
        : strcmp(element, "stop") == 0 ? STOP : strncmp(element, "carFollowing-", 13) == 0 ? FOLLOWING : TRIP;
    for (int i = 0; attributes[i] != NULL; i += 2) {
        char what[TEXT_BYTES];
        (void)snprintf(what, sizeof what, "%.60s %.60s", element, attributes[i]);
        bool usual = strcmp(attributes[i], "laneChangeModel") == 0
            && (strcmp(attributes[i + 1], "LC2013") == 0 || strcmp(attributes[i + 1], "default") == 0);
        if (!usual && !among(heeded, attributes[i]) && strchr(attributes[i], ':') == NULL && first_time(reader, what)) {
            rows_note(reader->rows, "%s: line %d: <%s %.60s=\"%.60s\"> changes nothing here; the first of its kind",
                      reader->path, sumo_xml_line(xml), element, attributes[i], attributes[i + 1]);
        }
    }
}

void sumo_note_element(struct reader *reader, const struct sumo_xml *xml, const char *element)
{
    char what[TEXT_BYTES];
    (void)snprintf(what, sizeof what, "%.60s", element);
    if (!among(ELEMENTS, element) && first_time(reader, what)) {
        rows_note(reader->rows, "%s: line %d: <%.60s> is passed over with all in it; the first of its kind",
                  reader->path, sumo_xml_line(xml), element);
    }
}

// Ids are kept as places in rows.text, doubled, flows one up, all plus one: 0 is empty.
static int32_t slot_of(const struct reader *reader, const char *id, bool flow)
{
    const char *text = reader->rows->text.at;
    int32_t mask = reader->ids.slot_count - 1;
    int32_t slot = (int32_t)(hash_bytes(HASH_SEED, id, strlen(id)) & (uint64_t)mask);
    for (;; slot = (slot + 1) & mask) {
        int64_t kept = reader->ids.slots[slot] - 1;
        if (kept < 0 || ((kept % 2 == 1) == flow && strcmp(text + kept / 2, id) == 0)) {
            return slot;
        }
    }
}

static void slots_double(struct reader *reader)
{
    int64_t *old = reader->ids.slots;
    int32_t old_count = reader->ids.slot_count;
    reader->ids.slot_count = old_count == 0 ? 1024 : 2 * old_count;
    reader->ids.slots = memory_take((size_t)reader->ids.slot_count, sizeof *reader->ids.slots);
    for (int32_t i = 0; i < old_count; i++) {
        if (old[i] != 0) {
            int64_t kept = old[i] - 1;
            reader->ids.slots[slot_of(reader, reader->rows->text.at + kept / 2, kept % 2 == 1)] = old[i];
        }
    }
    free(old);
}

void sumo_note_twin(struct reader *reader, const struct sumo_xml *xml, const char *word, const char *id)
{
    bool flow = strcmp(word, "flow") == 0;
    if (2 * (reader->ids.count + 1) > reader->ids.slot_count) {
        slots_double(reader);
    }
    int32_t slot = slot_of(reader, id, flow);
    if (reader->ids.slots[slot] == 0) {
        reader->ids.slots[slot] = 2 * (int64_t)reader->pending.name + flow + 1;
        reader->ids.count++;
    } else {
        sumo_count(reader, xml, &reader->twins);
    }
}

void sumo_count(struct reader *reader, const struct sumo_xml *xml, struct counted *counted)
{
    if (counted->count++ == 0) {
        counted->file = reader->file;
        counted->line = sumo_xml_line(xml);
    }
}

void sumo_note_counts(struct reader *reader)
{
    struct demand_rows *rows = reader->rows;
    struct { const struct counted *counted; const char *what; } const told[] = {
        { &reader->twins, "trips or flows have the id of another one: both drive, and outputs do not tell them apart; "
          "SUMO refuses them" },
        { &reader->placed, "vehicles or flows ask for a place (departPos in words, arrivalPos, arrivalLane): they "
          "enter where their first edge begins and arrive where the last one ends" },
        { &reader->beyond, "vehicles have a departPos beyond the ends of their lane: they enter at its end" },
        { &reader->broken, "types, routes or distributions are broken: who takes them is dropped" },
        { &reader->persons, "persons or containers are passed over" },
        { &reader->driven_through, "stops have a speed: vehicles drive through them" },
        { &reader->reroutes, "rules of rerouters are passed over: lanes and edges are closed, nothing else" },
        { &reader->awaiting, "stops wait for persons, containers or other vehicles, which nobody moves here: they last "
          "as long as their duration and until say" },
        { &reader->endless_stops, "stops say neither how long nor until when: they last a day; SUMO's last for ever" },
        { &reader->idle_flows, "flows have number=\"0\": nobody departs" },
    };
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        const struct counted *counted = told[i].counted;
        if (counted->count > 0) {
            rows_note(rows, "%s: line %d%s: %lld %s", names_text(&rows->files, counted->file), counted->line,
                      counted->count > 1 ? " and on" : "", (long long)counted->count, told[i].what);
        }
    }
    if (reader->broken.count > 0 && reader->broken_first.text[0] != '\0') {
        rows_note(rows, "%.700s", reader->broken_first.text);
    }
    if (reader->unsorted) {
        rows_note(rows, "departures are not in order: sorted here; SUMO would drop the late ones");
    }
}
