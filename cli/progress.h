// progress.h: how far long work has come: a bar on a terminal, plain lines elsewhere.
//
// THEORY    On a terminal one line is drawn anew four times a second; elsewhere (a file, a pipe, a journal) a line is
//           written every five seconds and at the end. What is left is told from the pace so far.
// CONTRACT  Writes to standard error only. Cheap enough to be asked after every step.
#pragma once

#include <stdbool.h>

struct progress {
    const char *name;                  // of the work; borrowed
    bool quiet, terminal;
    double began_s, told_s;            // wall clock
    bool ended;
};

void progress_begin(struct progress *progress, const char *name, bool quiet);

// Whether it is time to tell; done: 0 .. 1.
bool progress_due(const struct progress *progress, double done);

// Seconds since the beginning, at least a millisecond.
double progress_spent_s(const struct progress *progress);

// Draws the bar at `done`, with a few words of detail. At 1 the line ends.
void progress_tell(struct progress *progress, double done, const char *detail);

// Ends the line of work that did not come to its end.
void progress_break(struct progress *progress);

// Tells of the reading of SUMO's files, those that take longer than a moment, until progress_files_end.
void progress_files(bool quiet);
void progress_files_end(bool quiet);
