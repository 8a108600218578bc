#include "sim/report/report_file.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

// Its parents too: a person names DIR/one/two and means it.
enum status report_folder(const char *directory, struct problem *problem)
{
    char path[4096];
    size_t bytes = strlen(directory);
    if (bytes == 0 || bytes >= sizeof path) {
        return problem_report(problem, STATUS_LIMIT, directory, NULL, "name a folder", "is no path that can be made");
    }
    memcpy(path, directory, bytes + 1);
    for (size_t i = 1; i <= bytes; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        char end = path[i];
        path[i] = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST) {
            return problem_report(problem, STATUS_IO, directory, NULL, NULL, "cannot be made: %s", strerror(errno));
        }
        path[i] = end;
    }
    return STATUS_OK;
}

FILE *report_file_open(const char *directory, const char *name, struct problem *problem)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) {
        (void)problem_report(problem, STATUS_LIMIT, directory, NULL, "use a shorter path", "the path is too long");
        return NULL;
    }
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        (void)problem_report(problem, STATUS_IO, path, NULL, NULL, "cannot be written: %s", strerror(errno));
    }
    return file;
}

void report_file_drop(FILE *file)
{
    if (file != NULL) {
        (void)fclose(file);
    }
}

enum status report_file_close(FILE *file, const char *directory, struct problem *problem)
{
    if (file == NULL) {
        return STATUS_OK;
    }
    bool failed = ferror(file) != 0;
    failed = fclose(file) != 0 || failed;
    return failed ? problem_report(problem, STATUS_IO, directory, NULL, "is the disk full?",
                                   "a file could not be written")
                  : STATUS_OK;
}

void report_escape(const char *from, char *to, size_t bytes)
{
    size_t used = 0;
    for (; *from != '\0'; from++) {
        char one[2] = { *from, '\0' };
        const char *text = *from == '&' ? "&amp;" : *from == '<' ? "&lt;" : *from == '>' ? "&gt;"
            : *from == '"' ? "&quot;" : *from == '\'' ? "&apos;" : one;
        if (used + strlen(text) + 1 > bytes) {
            break;
        }
        memcpy(to + used, text, strlen(text));
        used += strlen(text);
    }
    to[used] = '\0';
}

void report_csv_name(FILE *file, const char *name)
{
    if (strpbrk(name, ",\"\r\n") == NULL) {
        fputs(name, file);
        return;
    }
    fputc('"', file);
    for (; *name != '\0'; name++) {
        if (*name == '"') {
            fputc('"', file);
        }
        fputc(*name, file);
    }
    fputc('"', file);
}
