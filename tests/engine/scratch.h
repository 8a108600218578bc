// scratch.h: a folder of its own for a test that writes files or runs SUMO's programs.
#pragma once

#include <stdbool.h>

struct scratch {
    char folder[256];
    char **paths;                 // given out so far
    int path_count;
};

// A new empty folder below the system's one for temporary files; removed with all that is in it.
void scratch_create(struct scratch *scratch);
void scratch_release(struct scratch *scratch);

// The path of a file in it, borrowed as long as the scratch; and the same after writing the text into it.
const char *scratch_path(struct scratch *scratch, const char *name);
const char *scratch_write(struct scratch *scratch, const char *name, const char *text);

// Runs a shell command in it, with what it prints kept in the file `log` there; its exit code.
int scratch_run(const struct scratch *scratch, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Whether a program is to be had.
bool scratch_has(const char *program);
