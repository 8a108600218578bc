// intergreend: the daemon. Reads its configuration and its network, then serves (engine/serve/server.h).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "engine/config.h"
#include "engine/import/import.h"
#include "engine/import/site_data.h"
#include "engine/serve/embedded.h"
#include "engine/serve/journal.h"
#include "engine/serve/server.h"
#include "engine/serve/settings_check.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct daemon {
    const char *config_path;
    struct config *config;
    struct settings settings;
    struct network network;
    char city[128];
};

static int usage(FILE *to, int code)
{
    fprintf(to, "usage: intergreend --config FILE [--check-config] | --version\n"
                "  SIGHUP reads the configuration again, SIGTERM ends cleanly. docs/configuration.md has every key.\n");
    return code;
}

static int wrong(const char *what, const char *word)
{
    fprintf(stderr, "intergreend: %s: %s\n`intergreend --help` tells the options.\n", word, what);
    return EXIT_USAGE;
}

// What the importer assumed or had to lengthen is said once; what it merely derived is `intergreen import`'s to show.
static void report_say(const struct import_report *report)
{
    for (int32_t i = 0; i < report->lines.count; i++) {
        if (report->lines.at[i].note == NOTE_WARNING) {
            journal(JOURNAL_WARNING, "network: %s", report->lines.at[i].text);
        }
    }
}

static enum status network_load(const struct settings *settings, struct network *ret, struct problem *problem)
{
    struct import_report report = { 0 };
    struct import_options options = IMPORT_OPTIONS_DEFAULT;
    options.intergreen_ms = settings->intergreen_s < 0.0 ? -1 : (int32_t)(settings->intergreen_s * 1000.0 + 0.5);
    options.additional = settings->additional;
    options.additional_count = settings->additional_count;
    enum status status = import_network(settings->network, &options, ret, &report, problem);
    if (status == STATUS_OK) {
        report_say(&report);
    }
    import_report_release(&report);
    if (status == STATUS_OK && settings->site != NULL) {
        status = site_apply(ret, settings->site, NULL, problem);
        if (status != STATUS_OK) {
            network_release(ret);
        }
    }
    return status;
}

// The city's name in the store: the network's file name without its endings.
static void city_name(const struct settings *settings, char *city, size_t room)
{
    const char *slash = strrchr(settings->network, '/');
    const char *name = settings->city != NULL ? settings->city : slash != NULL ? slash + 1 : settings->network;
    snprintf(city, room, "%s", name);
    if (settings->city == NULL) {
        city[strcspn(city, ".")] = '\0';
    }
    if (city[0] == '\0') {
        snprintf(city, room, "city");
    }
}

// The texts of an older configuration may still be in use: they stay until the process ends.
static enum status on_reload(void *owner, struct settings *ret, struct problem *problem)
{
    struct daemon *daemon = owner;
    struct config *config = NULL;
    return config_read(daemon->config_path, &config, ret, problem);
}

static int run(struct daemon *daemon, bool check_only)
{
    struct problem problem;
    enum status status = config_read(daemon->config_path, &daemon->config, &daemon->settings, &problem);
    network_create(&daemon->network);
    if (status == STATUS_OK) {
        status = network_load(&daemon->settings, &daemon->network, &problem);
    }
    if (status == STATUS_OK) {
        status = settings_check(&daemon->network, &daemon->settings, &problem);
    }
    if (status == STATUS_OK && check_only) {
        status = settings_check_expiry(&daemon->settings, &problem);
    }
    if (status != STATUS_OK) {
        fprintf(stderr, "%s\n", problem.text);
        config_release(daemon->config);
        return EXIT_FAILED;
    }
    city_name(&daemon->settings, daemon->city, sizeof daemon->city);
    int code = EXIT_DONE;
    if (check_only) {
        printf("%s: the configuration is good (%s: %d intersections, strategy %s)\n", daemon->config_path, daemon->city,
               daemon->network.intersection_count, daemon->settings.strategy);
    } else {
        struct server_hooks hooks = { .owner = daemon, .reload = on_reload };
        do {
            code = server_run(&daemon->network, &daemon->settings, daemon->city, &hooks);
        } while (code == SERVER_AGAIN);
        code = code == 0 ? EXIT_DONE : EXIT_FAILED;
    }
    network_release(&daemon->network);
    config_release(daemon->config);
    return code;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], EMBEDDED_CHILD_WORD) == 0) {
        return embedded_child(argc, argv);
    }
    // libgomp reads this when it is loaded, before main: idle threads of the team must sleep, not spin.
    if (getenv("OMP_WAIT_POLICY") == NULL) {
        setenv("OMP_WAIT_POLICY", "passive", 1);
        execv("/proc/self/exe", argv);
    }
    prctl(PR_SET_NAME, "intergreend");   // It is "exe" after that.
    struct daemon daemon = { 0 };
    bool check_only = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
            daemon.config_path = argv[++i];
        } else if (strcmp(argv[i], "--check-config") == 0) {
            check_only = true;
        } else if (strcmp(argv[i], "--help") == 0) {
            return usage(stdout, EXIT_DONE);
        } else if (strcmp(argv[i], "--version") == 0) {
            puts("intergreend " INTERGREEN_VERSION);
            return EXIT_DONE;
        } else {
            return wrong(strcmp(argv[i], "--config") == 0 ? "wants a file" : "there is no such option", argv[i]);
        }
    }
    return daemon.config_path == NULL ? wrong("name the configuration", "--config") : run(&daemon, check_only);
}
