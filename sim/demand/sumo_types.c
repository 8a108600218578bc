#include "sim/demand/sumo_types.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/traffic/calibration.h"

struct class_row {
    const char *name;
    enum user_class user;
    double length_m, gap_m, acceleration_mps2, deceleration_mps2, emergency_mps2, speed_mps_max, speed_deviation,
        imperfection;
    double desired_mps;                // that its drivers wish for at most (desiredMaxSpeed); 0: as fast as it can
};

static const struct class_row CLASSES[] = {
    { "passenger", USER_CAR, 5.0, 2.5, 2.6, 4.5, 9.0, 200 / 3.6, 0.1, 0.5, 0.0 },
    { "private", USER_CAR, 5.0, 2.5, 2.6, 4.5, 9.0, 200 / 3.6, 0.1, 0.5, 0.0 },
    { "hov", USER_CAR, 5.0, 2.5, 2.6, 4.5, 9.0, 200 / 3.6, 0.1, 0.5, 0.0 },
    { "vip", USER_CAR, 5.0, 2.5, 2.6, 4.5, 9.0, 200 / 3.6, 0.1, 0.5, 0.0 },
    { "evehicle", USER_CAR, 5.0, 2.5, 2.6, 4.5, 9.0, 200 / 3.6, 0.1, 0.5, 0.0 },
    { "custom1", USER_CAR, 5.0, 2.5, 2.6, 4.5, 9.0, 200 / 3.6, 0.1, 0.5, 0.0 },
    { "custom2", USER_CAR, 5.0, 2.5, 2.6, 4.5, 9.0, 200 / 3.6, 0.1, 0.5, 0.0 },
    { "ignoring", USER_CAR, 5.0, 2.5, 2.6, 4.5, 9.0, 200 / 3.6, 0.0, 0.5, 0.0 },
    { "authority", USER_CAR, 5.0, 2.5, 2.6, 4.5, 9.0, 200 / 3.6, 0.0, 0.5, 0.0 },
    { "army", USER_CAR, 5.0, 2.5, 2.6, 4.5, 9.0, 200 / 3.6, 0.0, 0.5, 0.0 },
    { "taxi", USER_TAXI, 5.0, 2.5, 2.6, 4.5, 9.0, 200 / 3.6, 0.05, 0.5, 0.0 },
    { "emergency", USER_EMERGENCY, 6.5, 2.5, 2.6, 4.5, 9.0, 200 / 3.6, 0.0, 0.5, 0.0 },
    { "delivery", USER_DELIVERY, 6.5, 2.5, 2.6, 4.5, 9.0, 200 / 3.6, 0.05, 0.5, 0.0 },
    { "truck", USER_TRUCK, 7.1, 2.5, 1.3, 4.0, 7.0, 130 / 3.6, 0.05, 0.5, 0.0 },
    { "trailer", USER_TRUCK, 16.5, 2.5, 1.1, 4.0, 7.0, 130 / 3.6, 0.05, 0.5, 0.0 },
    { "bus", USER_BUS, 12.0, 2.5, 1.2, 4.0, 7.0, 100 / 3.6, 0.0, 0.5, 0.0 },
    { "coach", USER_BUS, 14.0, 2.5, 2.0, 4.0, 7.0, 100 / 3.6, 0.05, 0.5, 0.0 },
    { "motorcycle", USER_MOTORCYCLE, 2.2, 2.5, 6.0, 10.0, 10.0, 200 / 3.6, 0.1, 0.5, 0.0 },
    { "moped", USER_MOTORCYCLE, 2.1, 2.5, 1.1, 7.0, 10.0, 60 / 3.6, 0.1, 0.5, 0.0 },
    { "bicycle", USER_BICYCLE, 1.6, 0.5, 1.2, 3.0, 7.0, 50 / 3.6, 0.1, 0.5, 20 / 3.6 },
    { "pedestrian", USER_PEDESTRIAN, 0.215, 0.25, 1.5, 2.0, 5.0, 37.58 / 3.6, 0.1, 0.5, 5 / 3.6 },
    { "tram", USER_TRAM, 22.0, 2.5, 1.0, 3.0, 7.0, 80 / 3.6, 0.0, 0.0, 0.0 },
    { "rail_urban", USER_RAIL, 109.5, 5.0, 1.0, 3.0, 7.0, 100 / 3.6, 0.0, 0.0, 0.0 },
    { "rail", USER_RAIL, 135.0, 5.0, 0.25, 1.3, 5.0, 160 / 3.6, 0.0, 0.0, 0.0 },
    { "rail_electric", USER_RAIL, 200.0, 5.0, 0.5, 1.3, 5.0, 220 / 3.6, 0.0, 0.0, 0.0 },
    { "rail_fast", USER_RAIL, 200.0, 5.0, 0.5, 1.3, 5.0, 330 / 3.6, 0.0, 0.0, 0.0 },
};

static const double HEADWAY_S = 1.0;   // SUMO's tau, for every class and model

// The lesser of what the vehicle can and what its drivers wish.
static double speed_most(double can_mps, double wish_mps)
{
    return wish_mps > 0.0 && wish_mps < can_mps ? wish_mps : can_mps;
}

static const struct class_row *class_find(const char *vclass)
{
    for (size_t i = 0; i < sizeof CLASSES / sizeof *CLASSES; i++) {
        if (strcmp(CLASSES[i].name, vclass) == 0) {
            return &CLASSES[i];
        }
    }
    return NULL;
}

bool sumo_class_type(const char *vclass, struct vehicle_type *ret)
{
    const struct class_row *row = class_find(vclass);
    if (row == NULL) {
        return false;
    }
    *ret = (struct vehicle_type){ .user = row->user, .following = FOLLOW_KRAUSS, .length_m = row->length_m,
        .gap_m = row->gap_m, .acceleration_mps2 = row->acceleration_mps2,
        .deceleration_mps2 = row->deceleration_mps2, .emergency_mps2 = row->emergency_mps2, .headway_s = HEADWAY_S,
        .imperfection = row->imperfection, .speed_mps_max = speed_most(row->speed_mps_max, row->desired_mps),
        .speed_factor = 1.0, .speed_deviation = row->speed_deviation };
    return true;
}

// "1.1", "norm(1.1,0.1)" or "normc(1.1,0.1,0.5,2)": mean, and deviation where it is told. The bounds of normc are the
// street's.
static bool speed_factor_read(const char *text, double *ret_mean, double *ret_deviation)
{
    bool distribution = strncmp(text, "norm", 4) == 0;
    const char *at = distribution ? strchr(text, '(') : text;
    if (at == NULL) {
        return false;
    }
    at += distribution;
    double numbers[4] = { 0 };
    int count = 0;
    for (;;) {
        char *end = NULL;
        double value = strtod(at, &end);
        if (end == at || count == 4 || !(value >= 0.0 && value <= 100.0)) {
            return false;
        }
        numbers[count++] = value;
        at = end + strspn(end, " ");
        if (*at != ',') {
            break;
        }
        at++;
    }
    if (strcmp(at, distribution ? ")" : "") != 0 || !(numbers[0] > 0.0) || (distribution && count < 2)
        || (!distribution && count > 1)) {
        return false;
    }
    *ret_mean = numbers[0];
    if (distribution) {
        *ret_deviation = numbers[1];
    }
    return true;
}

static void model_read(const char *text, struct vehicle_type *type, bool *ret_known)
{
    static const char *const IDM[] = { "IDM", "IDMM", "EIDM" };
    static const char *const KRAUSS[] = { "Krauss", "KraussOrig1", "KraussPS", "KraussX", "SmartSK", "SKOrig" };
    *ret_known = true;
    for (size_t i = 0; i < sizeof IDM / sizeof *IDM; i++) {
        if (strcmp(text, IDM[i]) == 0) {
            type->following = FOLLOW_IDM;
            return;
        }
    }
    for (size_t i = 0; i < sizeof KRAUSS / sizeof *KRAUSS; i++) {
        if (strcmp(text, KRAUSS[i]) == 0) {
            return;
        }
    }
    *ret_known = false;
}

// What a car-following model needs, as it stands in <vType> or in <carFollowing-...>.
static void read_driving(struct sumo_xml *xml, const char *element, const char **attributes, struct vehicle_type *type)
{
    type->acceleration_mps2 = sumo_xml_number(xml, element, attributes, "accel", type->acceleration_mps2, 0.01, 50.0);
    type->deceleration_mps2 = sumo_xml_number(xml, element, attributes, "decel", type->deceleration_mps2, 0.01, 50.0);
    double emergency = fmax(type->emergency_mps2, type->deceleration_mps2);
    type->emergency_mps2 = sumo_xml_number(xml, element, attributes, "emergencyDecel", emergency,
                                           type->deceleration_mps2, 100.0);
    type->headway_s = sumo_xml_number(xml, element, attributes, "tau", type->headway_s, 0.01, 60.0);
    type->imperfection = sumo_xml_number(xml, element, attributes, "sigma", type->imperfection, 0.0, 1.0);
    type->start_loss_s = sumo_xml_number(xml, element, attributes, "startupDelay", type->start_loss_s, 0.0, 60.0);
}

void sumo_type_read_param(struct sumo_xml *xml, const char **attributes, struct vehicle_type *type)
{
    const char *key = sumo_xml_find(attributes, "key");
    if (key != NULL && strcmp(key, "saturationFlow") == 0) {
        type->wished_flow_vph = sumo_xml_number(xml, "param", attributes, "value", 0.0, DISCHARGE_FLOW_VPH_MIN,
                                                DISCHARGE_FLOW_VPH_MAX);
        type->wishes |= WISH_FLOW;
    } else if (key != NULL && strcmp(key, "startLoss") == 0) {
        type->wished_lost_s = sumo_xml_number(xml, "param", attributes, "value", 0.0, 0.0, DISCHARGE_LOST_S_MAX);
        type->wishes |= WISH_LOST;
    }
}

bool sumo_type_read_model(struct sumo_xml *xml, const char *element, const char **attributes,
                          struct vehicle_type *type)
{
    bool known = true;
    model_read(element + strlen("carFollowing-"), type, &known);
    read_driving(xml, element, attributes, type);
    return known;
}

const char *sumo_type_fit(struct vehicle_type *type)
{
    double brake = fmin(20.0, fmax(0.2, type->deceleration_mps2));
    struct { const char *name; double *value, least, most; } const ranges[] = {
        { "length", &type->length_m, 0.2, 50.0 }, { "minGap", &type->gap_m, 0.2, 20.0 },
        { "accel", &type->acceleration_mps2, 0.1, 20.0 }, { "decel", &type->deceleration_mps2, 0.2, 20.0 },
        { "emergencyDecel", &type->emergency_mps2, brake, 30.0 }, { "tau", &type->headway_s, 0.1, 10.0 },
        { "maxSpeed", &type->speed_mps_max, 0.5, 200.0 }, { "speedFactor", &type->speed_factor, 0.2, 3.0 },
        { "speedDev", &type->speed_deviation, 0.0, 1.0 }, { "startupDelay", &type->start_loss_s, 0.0, 10.0 },
    };
    const char *changed = NULL;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        double fits = fmin(ranges[i].most, fmax(ranges[i].least, *ranges[i].value));
        changed = changed == NULL && *ranges[i].value != fits ? ranges[i].name : changed;
        *ranges[i].value = fits;
    }
    return changed;
}

bool sumo_type_read(struct sumo_xml *xml, const char **attributes, double speed_deviation, struct vehicle_type *ret,
                    bool *ret_model_known)
{
    const char *id = sumo_xml_text(xml, "vType", attributes, "id");
    const char *vclass = sumo_xml_find(attributes, "vClass");
    const char *class = vclass == NULL || *vclass == '\0' ? "passenger" : vclass;
    struct vehicle_type type;
    if (!sumo_class_type(class, &type)) {
        sumo_xml_fail(xml, STATUS_UNKNOWN, "name one of SUMO's vehicle classes, such as passenger", "vType \"%s\": "
                      "no vehicle class \"%s\" is known here", id, vclass);
        return false;
    }
    (void)snprintf(type.name, sizeof type.name, "%s", id);
    *ret_model_known = true;
    const char *model = sumo_xml_find(attributes, "carFollowModel");
    if (model != NULL) {
        model_read(model, &type, ret_model_known);
    }
    type.speed_deviation = speed_deviation >= 0.0 ? speed_deviation : type.speed_deviation;
    const char *factor = sumo_xml_find(attributes, "speedFactor");
    if (factor != NULL && !speed_factor_read(factor, &type.speed_factor, &type.speed_deviation)) {
        sumo_xml_fail(xml, STATUS_RANGE, "write a number, norm(mean,deviation) or normc(mean,deviation,least,most)",
                      "vType \"%s\": speedFactor=\"%s\" is none", id, factor);
        return false;
    }
    type.length_m = sumo_xml_number(xml, "vType", attributes, "length", type.length_m, 0.1, 1000.0);
    type.gap_m = sumo_xml_number(xml, "vType", attributes, "minGap", type.gap_m, 0.0, 100.0);
    read_driving(xml, "vType", attributes, &type);
    const struct class_row *usual = class_find(class);
    double can_mps = sumo_xml_number(xml, "vType", attributes, "maxSpeed", usual->speed_mps_max, 0.1, 200.0);
    double wish_mps = sumo_xml_number(xml, "vType", attributes, "desiredMaxSpeed", usual->desired_mps, 0.0, 1e4);
    type.speed_mps_max = fmax(0.5, speed_most(can_mps, wish_mps * type.speed_factor));
    type.speed_deviation = sumo_xml_number(xml, "vType", attributes, "speedDev", type.speed_deviation, 0.0, 10.0);
    if (sumo_xml_failed(xml)) {
        return false;
    }
    *ret = type;
    return true;
}
