// crossroads.h: a small SUMO network as text, for tests of the reader and of what is derived.
//
//                      d ▲ (0,100)
//                        │
//      (-100,0) a ──▶ ───┼───▶ b ──▶ (100,0)         stop lines 10 m before the middle; all one way
//                        │                           letter 0: a -> b, by two inner lanes of 10 m
//                      c ▲ (0,-100)                   letter 1: c -> d, by one of 20 m
//
// The lines of CROSSROADS are counted in tests: change them together.
#pragma once

#define CROSSROADS_HEAD                                                                                               \
    "<net version=\"1.9\">\n"                                                                                         \
    "<edge id=\":J_0\" function=\"internal\">\n"                                                                      \
    "<lane id=\":J_0_0\" index=\"0\" speed=\"12.00\" length=\"10.00\" shape=\"-10.00,0.00 0.00,0.00\"/></edge>\n"      \
    "<edge id=\":J_1\" function=\"internal\">\n"                                                                      \
    "<lane id=\":J_1_0\" index=\"0\" speed=\"13.89\" length=\"20.00\" shape=\"0.00,-10.00 0.00,10.00\"/></edge>\n"     \
    "<edge id=\":J_2\" function=\"internal\">\n"                                                                      \
    "<lane id=\":J_2_0\" index=\"0\" speed=\"13.89\" length=\"10.00\" shape=\"0.00,0.00 10.00,0.00\"/></edge>\n"       \
    "<edge id=\"a\" from=\"W\" to=\"J\" priority=\"2\">\n"                                                            \
    "<lane id=\"a_0\" index=\"0\" speed=\"13.89\" length=\"90.00\" shape=\"-100.00,0.00 -10.00,0.00\"/></edge>\n"      \
    "<edge id=\"b\" from=\"J\" to=\"E\" priority=\"2\">\n"                                                            \
    "<lane id=\"b_0\" index=\"0\" speed=\"13.89\" length=\"90.00\" shape=\"10.00,0.00 100.00,0.00\"/></edge>\n"        \
    "<edge id=\"c\" from=\"S\" to=\"J\" priority=\"1\">\n"                                                            \
    "<lane id=\"c_0\" index=\"0\" speed=\"13.89\" length=\"90.00\" shape=\"0.00,-100.00 0.00,-10.00\"/></edge>\n"      \
    "<edge id=\"d\" from=\"J\" to=\"N\" priority=\"1\">\n"                                                            \
    "<lane id=\"d_0\" index=\"0\" speed=\"13.89\" length=\"90.00\" shape=\"0.00,10.00 0.00,100.00\"/></edge>\n"

// A program goes here.

#define CROSSROADS_TAIL                                                                                               \
    "<junction id=\"J\" type=\"traffic_light\" x=\"0\" y=\"0\" incLanes=\"a_0 c_0\" "                                 \
    "intLanes=\":J_2_0 :J_1_0\" shape=\"\">\n"                                                                        \
    "<request index=\"0\" response=\"00\" foes=\"10\" cont=\"1\"/>\n"                                                 \
    "<request index=\"1\" response=\"01\" foes=\"01\" cont=\"0\"/>\n"                                                 \
    "</junction>\n"                                                                                                   \
    "<junction id=\"W\" type=\"dead_end\" x=\"-100\" y=\"0\" incLanes=\"\" intLanes=\"\" shape=\"\"/>\n"              \
    "<junction id=\"E\" type=\"dead_end\" x=\"100\" y=\"0\" incLanes=\"b_0\" intLanes=\"\" shape=\"\"/>\n"            \
    "<junction id=\"S\" type=\"dead_end\" x=\"0\" y=\"-100\" incLanes=\"\" intLanes=\"\" shape=\"\"/>\n"              \
    "<junction id=\"N\" type=\"dead_end\" x=\"0\" y=\"100\" incLanes=\"d_0\" intLanes=\"\" shape=\"\"/>\n"            \
    "<junction id=\":J_2_0\" type=\"internal\" x=\"0\" y=\"0\" incLanes=\":J_0_0 c_0\" intLanes=\":J_1_0\"/>\n"       \
    "<connection from=\"a\" to=\"b\" fromLane=\"0\" toLane=\"0\" via=\":J_0_0\" tl=\"J\" "                           \
    "linkIndex=\"0\" dir=\"s\" state=\"O\"/>\n"                                                                       \
    "<connection from=\"c\" to=\"d\" fromLane=\"0\" toLane=\"0\" via=\":J_1_0\" tl=\"J\" "                           \
    "linkIndex=\"1\" dir=\"s\" state=\"o\"/>\n"                                                                       \
    "<connection from=\":J_0\" to=\"b\" fromLane=\"0\" toLane=\"0\" via=\":J_2_0\" dir=\"s\" state=\"m\"/>\n"         \
    "<connection from=\":J_1\" to=\"d\" fromLane=\"0\" toLane=\"0\" dir=\"s\" state=\"M\"/>\n"                        \
    "<connection from=\":J_2\" to=\"b\" fromLane=\"0\" toLane=\"0\" dir=\"s\" state=\"M\"/>\n"                        \
    "</net>\n"

#define CROSSROADS_PROGRAM                                                                                            \
    "<tlLogic id=\"J\" type=\"static\" programID=\"0\" offset=\"7\">\n"                                               \
    "<phase duration=\"30\" state=\"Gr\" minDur=\"8\" maxDur=\"40\"/>\n"                                              \
    "<phase duration=\"3\" state=\"yr\"/>\n"                                                                          \
    "<phase duration=\"2\" state=\"rr\"/>\n"                                                                          \
    "<phase duration=\"20\" state=\"rG\"/>\n"                                                                         \
    "<phase duration=\"4\" state=\"ry\"/>\n"                                                                          \
    "<phase duration=\"1\" state=\"rr\"/>\n"                                                                          \
    "</tlLogic>\n"

#define CROSSROADS CROSSROADS_HEAD CROSSROADS_PROGRAM CROSSROADS_TAIL
