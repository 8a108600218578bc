#include "sim/demand/fleet.h"

const struct vehicle_type fleet_types[FLEET_TYPE_COUNT] = {
    { .name = "car", .user = USER_CAR, .following = FOLLOW_IDM, .length_m = 4.6, .gap_m = 2.0, .acceleration_mps2 = 2.0,
      .deceleration_mps2 = 3.0, .emergency_mps2 = 9.0, .headway_s = 1.1, .speed_mps_max = 50.0, .speed_factor = 1.0,
      .speed_deviation = 0.1 },
    { .name = "delivery", .user = USER_DELIVERY, .following = FOLLOW_IDM, .length_m = 6.5, .gap_m = 2.0,
      .acceleration_mps2 = 1.6, .deceleration_mps2 = 2.5, .emergency_mps2 = 8.0, .headway_s = 1.2,
      .speed_mps_max = 40.0, .speed_factor = 1.0, .speed_deviation = 0.08 },
    { .name = "truck", .user = USER_TRUCK, .following = FOLLOW_IDM, .length_m = 9.5, .gap_m = 2.5,
      .acceleration_mps2 = 1.1, .deceleration_mps2 = 2.0, .emergency_mps2 = 7.0, .headway_s = 1.5,
      .speed_mps_max = 25.0, .speed_factor = 0.95, .speed_deviation = 0.05 },
};
