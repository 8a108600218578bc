// emission.h: what a vehicle burns and emits at a speed and an acceleration.
//
// THEORY    HBEFA 3.1's emission factors, fitted by a polynomial of speed v and acceleration a on level road
//           [Krajzewicz2015], as SUMO computes them for its emission classes HBEFA3/...:
//
//              g/h = max(0, c0 + c1 a v + c2 v + c3 v^2 + c4 v^3)
//
//           and nothing while the engine brakes: v > 0.5 m/s and a below the coasting deceleration, which is
//           0.107 + 0.013 v (m/s2) from 10 km/h on and falls to 0 with v below it (read off SUMO 1.15's
//           emissionsDrivingCycle, with which tests/end/test_sim_files.py compares).
//
//              cars, taxis                 PC_G_EU4   petrol, Euro 4: SUMO's default
//              delivery, emergency,        LDV        mean light-duty vehicle of the German fleet
//              motorcycles
//              trucks                      HDV        mean heavy-duty vehicle
//              buses                       Bus        mean city bus
//              bicycles, trams, trains     nothing
// CONTRACT  Pure. v in m/s, >= 0; a in m/s2.
// NOT HERE  Gradients, cold starts.
#pragma once

#include "engine/model/network.h"

enum emission { EMISSION_CO2, EMISSION_FUEL, EMISSION_CO, EMISSION_HC, EMISSION_PMX, EMISSION_NOX, EMISSION_COUNT };

// The first `count` of them, mg/s.
void emission_rates(enum user_class user, double speed_mps, double acceleration_mps2, int count, double *ret_mgps);

// Litres in a milligram of the class's fuel: petrol has 742 g/l, diesel 836 g/l, as SUMO counts them.
double emission_fuel_l_per_mg(enum user_class user);
