// sumo_types.h: SUMO's vehicle classes and <vType> -> vehicle_type.
//
// THEORY    What a vType leaves open comes from its vClass. The table in sumo_types.c holds the values that SUMO 1.15
//           reports for each class (libsumo.vehicletype), which are those of its manual, "Vehicle Type Parameter
//           Defaults".
// CONTRACT  A value that no vehicle can have is reported with file and line and ends the reading.
// NOT HERE  Distributions of types (demand_sumo.c).
#pragma once

#include <stdbool.h>

#include "engine/import/sumo_xml.h"
#include "sim/traffic/street.h"

// The type that SUMO uses for a class when nothing else is said. False for a class that SUMO does not have.
bool sumo_class_type(const char *vclass, struct vehicle_type *ret);

// Reads the attributes of a <vType>. *ret_model_known is false when its car-following model is neither Krauss' nor
// IDM's kind and Krauss stands in for it. False, and reported, when something is wrong. speed_deviation: of types that
// say none; below 0: the class's own.
bool sumo_type_read(struct sumo_xml *xml, const char **attributes, double speed_deviation, struct vehicle_type *ret,
                    bool *ret_model_known);

// <param key="saturationFlow" value="1900"/> (veh/h) and key="startLoss" (s) within a vType: what its queues are to
// discharge (sim/traffic/calibration.h). Other keys are passed over, as by SUMO.
void sumo_type_read_param(struct sumo_xml *xml, const char **attributes, struct vehicle_type *type);

// Brings what the street does not compute (street.h has its ranges) to the nearest that it does, as minGap="0" or a
// train of 100 m. Gives the name of the first attribute that it changed, or NULL.
const char *sumo_type_fit(struct vehicle_type *type);

// The older form: <carFollowing-IDM tau="1.2"/> inside the vType. False where the model is not computed here.
bool sumo_type_read_model(struct sumo_xml *xml, const char *element, const char **attributes,
                          struct vehicle_type *type);
