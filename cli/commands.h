// commands.h: one function a command of `intergreen`. argv[0] is the program's and the command's own name.
#pragma once

#include "engine/base/status.h"

enum cli_exit { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_REFUSED = 3, CLI_UNREACHABLE = 4 };

int cli_import(int argc, char **argv);
int cli_site(int argc, char **argv);
int cli_cabinet(int argc, char **argv);
int cli_conformance(int argc, char **argv);

int cli_generate(int argc, char **argv);
int cli_sim(int argc, char **argv);
int cli_compare(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_plan(int argc, char **argv);
int cli_override(int argc, char **argv);
int cli_priority(int argc, char **argv);
int cli_alarms(int argc, char **argv);
int cli_audit(int argc, char **argv);
int cli_watch(int argc, char **argv);
int cli_keys(int argc, char **argv);
int cli_recording(int argc, char **argv);
int cli_replay(int argc, char **argv);
