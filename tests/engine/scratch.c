#include "tests/engine/scratch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMMAND_BYTES = 4096 };

static void must(bool done, const char *what)
{
    if (!done) {
        (void)fprintf(stderr, "scratch: %s\n", what);
        abort();
    }
}

void scratch_create(struct scratch *scratch)
{
    *scratch = (struct scratch){ .paths = NULL };
    const char *base = getenv("TMPDIR");
    int length = snprintf(scratch->folder, sizeof scratch->folder, "%s/intergreen-XXXXXX",
                          base != NULL && strlen(base) < 200 ? base : P_tmpdir);
    must(length > 0 && (size_t)length < sizeof scratch->folder, "the folder's name is too long");
    must(mkdtemp(scratch->folder) != NULL, "no folder can be made");
}

static int run(const char *command)
{
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void scratch_release(struct scratch *scratch)
{
    char command[COMMAND_BYTES];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", scratch->folder);
    must(run(command) == 0, "the folder cannot be removed");
    for (int i = 0; i < scratch->path_count; i++) {
        free(scratch->paths[i]);
    }
    free(scratch->paths);
}

const char *scratch_path(struct scratch *scratch, const char *name)
{
    char *path = NULL;
    must(asprintf(&path, "%s/%s", scratch->folder, name) > 0, "no memory");
    scratch->paths = realloc(scratch->paths, (size_t)(scratch->path_count + 1) * sizeof *scratch->paths);
    must(scratch->paths != NULL, "no memory");
    scratch->paths[scratch->path_count++] = path;
    return path;
}

const char *scratch_write(struct scratch *scratch, const char *name, const char *text)
{
    const char *path = scratch_path(scratch, name);
    FILE *file = fopen(path, "wb");
    must(file != NULL, "a file cannot be written");
    bool whole = fwrite(text, 1, strlen(text), file) == strlen(text);
    must(fclose(file) == 0 && whole, "a file cannot be written");
    return path;
}

int scratch_run(const struct scratch *scratch, const char *format, ...)
{
    char wanted[COMMAND_BYTES - 400], command[COMMAND_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(wanted, sizeof wanted, format, arguments);
    va_end(arguments);
    must(length > 0 && (size_t)length < sizeof wanted, "the command is too long");
    (void)snprintf(command, sizeof command, "cd '%s' && (%s) >log 2>&1 </dev/null", scratch->folder, wanted);
    return run(command);
}

bool scratch_has(const char *program)
{
    char command[256];
    (void)snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", program);
    return run(command) == 0;
}
