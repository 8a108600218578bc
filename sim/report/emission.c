#include "sim/report/emission.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

static const double COAST_SPEED_MPS_MIN = 0.5, COAST_LINEAR_MPS = 10.0 / 3.6, COAST_MPS2 = 0.107, COAST_PER_S = 0.013;
static const double PETROL_G_PER_L = 742.0, DIESEL_G_PER_L = 836.0;
static const double MGPS_PER_GPH = 1.0 / 3.6;

// g/h: c0, c1, c2, c3, c4 of the formula, by enum emission.
struct emission_class { double part[EMISSION_COUNT][5]; bool diesel; };

static const struct emission_class PC_G_EU4 = { {
    { 9449.0, 938.4, -467.1, 28.26, 0.0 },
    { 3014.0, 299.3, -149.0, 9.014, 0.0 },
    { 593.2, 19.32, -73.25, 2.086, 0.0 },
    { 2.923, 0.1113, -0.3476, 0.01032, 0.0 },
    { 0.2375, 0.0245, -0.03251, 0.001325, 0.0 },
    { 4.336, 0.4428, -0.3204, 0.01371, 0.0 },
}, false };

static const struct emission_class LDV = { {
    { 7192.0, 1022.0, -161.0, 23.33, 0.0 },
    { 2294.0, 323.8, -52.78, 7.43, 0.0 },
    { 961.4, 69.4, -114.3, 3.851, 0.0 },
    { 59.65, 1.963, -5.305, 0.159, 0.0 },
    { 5.695, 0.2347, -0.8032, 0.05115, -0.0007435 },
    { 0.0, 0.0, 0.0, 0.0, 0.0 },       // the fit has none
}, true };

static const struct emission_class HDV = { {
    { 26570.0, 7076.0, 1753.0, 0.0, 0.0 },
    { 8358.0, 2226.0, 551.4, 0.0, 0.0 },
    { 54.72, 7.864, 1.669, 0.0, 0.0 },
    { 0.0, 0.0, 0.0, 0.0, 0.0 },
    { 7.952, 0.854, 0.1195, 0.0, 0.0 },
    { 305.6, 55.28, 9.505, 0.0, 0.0 },
}, true };

static const struct emission_class BUS = { {
    { 19030.0, 6475.0, 2073.0, 0.0, 0.0 },
    { 6016.0, 2049.0, 656.6, 0.0, 0.0 },
    { 72.61, 7.482, 0.6348, 0.0, 0.0 },
    { 17.46, 0.8473, 0.254, 0.0, 0.0 },
    { 7.222, 0.8024, 0.1201, 0.0, 0.0 },
    { 218.7, 46.17, 11.27, 0.0, 0.0 },
}, true };

static const struct emission_class *class_of(enum user_class user)
{
    switch (user) {
    case USER_CAR:
    case USER_TAXI:
    case USER_MOTOR:
        return &PC_G_EU4;
    case USER_DELIVERY:
    case USER_EMERGENCY:
    case USER_MOTORCYCLE:
        return &LDV;
    case USER_TRUCK:
        return &HDV;
    case USER_BUS:
        return &BUS;
    case USER_TRAM:
    case USER_RAIL:
    case USER_BICYCLE:
    case USER_PEDESTRIAN:
        break;
    }
    return NULL;
}

void emission_rates(enum user_class user, double speed_mps, double acceleration_mps2, int count, double *ret_mgps)
{
    const struct emission_class *class = class_of(user);
    double v = speed_mps, near = fmin(v / COAST_LINEAR_MPS, 1.0);
    double coasting_mps2 = near * (COAST_MPS2 + COAST_PER_S * fmax(v, COAST_LINEAR_MPS));
    bool off = class == NULL || (v > COAST_SPEED_MPS_MIN && acceleration_mps2 < -coasting_mps2);
    for (int i = 0; i < count; i++) {
        const double *c = off ? NULL : class->part[i];
        ret_mgps[i] = off ? 0.0
            : fmax(0.0, c[0] + (c[1] * acceleration_mps2 + c[2] + (c[3] + c[4] * v) * v) * v) * MGPS_PER_GPH;
    }
}

double emission_fuel_l_per_mg(enum user_class user)
{
    const struct emission_class *class = class_of(user);
    return class != NULL && class->diesel ? 1e-3 / DIESEL_G_PER_L : 1e-3 / PETROL_G_PER_L;
}
