#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/import/sumo_xml.h"

enum { BAR_LETTERS = 20 };
static const double TERMINAL_S = 0.25, LINE_S = 5.0;

static double wall_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void progress_begin(struct progress *progress, const char *name, bool quiet)
{
    double now_s = wall_s();
    *progress = (struct progress){ .name = name, .quiet = quiet, .terminal = isatty(STDERR_FILENO) != 0,
        .began_s = now_s, .told_s = now_s };
}

bool progress_due(const struct progress *progress, double done)
{
    return !progress->quiet && !progress->ended
        && (done >= 1.0 || wall_s() - progress->told_s >= (progress->terminal ? TERMINAL_S : LINE_S));
}

double progress_spent_s(const struct progress *progress)
{
    double spent_s = wall_s() - progress->began_s;
    return spent_s > 0.001 ? spent_s : 0.001;
}

void progress_tell(struct progress *progress, double done, const char *detail)
{
    if (progress->quiet || progress->ended) {
        return;
    }
    char bar[BAR_LETTERS + 1];
    for (int i = 0; i < BAR_LETTERS; i++) {
        bar[i] = i < (int)(done * BAR_LETTERS) ? '#' : '.';
    }
    bar[BAR_LETTERS] = '\0';
    double spent_s = progress_spent_s(progress);
    progress->told_s = progress->began_s + spent_s;
    progress->ended = done >= 1.0;
    const char *start = progress->terminal ? "\r\033[K" : "", *end = progress->terminal && !progress->ended ? "" : "\n";
    if (progress->ended) {
        fprintf(stderr, "%s%-13s [%s] %s  %.1f s%s", start, progress->name, bar, detail, spent_s, end);
    } else {
        fprintf(stderr, "%s%-13s [%s] %s  %.0f s left%s", start, progress->name, bar, detail,
                done > 0.0 ? spent_s * (1.0 - done) / done : 0.0, end);
    }
    (void)fflush(stderr);
}

void progress_break(struct progress *progress)
{
    if (!progress->quiet && !progress->ended && progress->terminal && progress->told_s > progress->began_s) {
        fputc('\n', stderr);
    }
    progress->ended = true;
}

// The file that is being read. One at a time in a process, as sumo_xml_watch has it.
struct file_progress {
    struct progress progress;
    char path[4096];
    bool quiet;
};

static struct file_progress reading;

static void file_tell(void *user, const char *path, double share)
{
    struct file_progress *file = user;
    if (strcmp(path, file->path) != 0) {
        progress_break(&file->progress);
        (void)snprintf(file->path, sizeof file->path, "%s", path);
        progress_begin(&file->progress, "reading", file->quiet);
    }
    bool told = file->progress.told_s > file->progress.began_s;
    if (progress_due(&file->progress, share) && (share < 1.0 || told)) {
        const char *slash = strrchr(path, '/');
        progress_tell(&file->progress, share, slash != NULL ? slash + 1 : path);
    }
}

void progress_files(bool quiet)
{
    if (quiet) {
        return;                       // Runs side by side are quiet: none touches what all share.
    }
    reading = (struct file_progress){ .quiet = quiet, .progress = { .ended = true } };
    sumo_xml_watch(&(struct sumo_watch){ file_tell, &reading });
}

void progress_files_end(bool quiet)
{
    if (quiet) {
        return;
    }
    progress_break(&reading.progress);
    sumo_xml_watch(NULL);
}
