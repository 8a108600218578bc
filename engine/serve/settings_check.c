#include "engine/serve/settings_check.h"

#include <stdio.h>
#include <time.h>

#include "engine/optimize/strategy.h"
#include "engine/serve/holdings.h"
#include "engine/serve/journal.h"
#include "engine/serve/registry.h"

static void region_names(const struct network *network, char *text, size_t room)
{
    size_t used = 0;
    text[0] = '\0';
    for (int32_t r = 0; r < network->regions.count && used < room; r++) {
        used += (size_t)snprintf(text + used, room - used, "%s%s", r > 0 ? ", " : "",
                                 names_text(&network->regions, r));
    }
}

enum status settings_check_regions(const struct network *network, const struct settings *settings,
                                   struct problem *problem)
{
    for (int32_t i = 0; i < settings->region_count; i++) {
        const struct region_strategy *region = &settings->regions[i];
        char names[512];
        if (names_find(&network->regions, region->region) == NAME_NONE) {
            region_names(network, names, sizeof names);
            return problem_report(problem, STATUS_UNKNOWN, "regions", region->region,
                                  "Name one of the list, or cut the network with `intergreen import --regions N`.",
                                  "the network has no such region; it has: %s",
                                  names[0] != '\0' ? names : "none");
        }
        if (strategy_find(region->strategy) == NULL) {
            strategy_names(names, sizeof names);
            return problem_report(problem, STATUS_UNKNOWN, "regions", region->region, NULL,
                                  "there is no strategy `%s`: choose one of %s", region->strategy, names);
        }
    }
    return STATUS_OK;
}

enum status settings_check(const struct network *network, const struct settings *settings, struct problem *problem)
{
    struct registry *registry = NULL;
    enum status status = holdings_check(network, settings, problem);
    if (status == STATUS_OK) {
        status = settings_check_regions(network, settings, problem);
    }
    if (status == STATUS_OK && settings->registry != NULL) {
        status = registry_read(settings->registry, network, &registry, problem);
        registry_release(registry);
    }
    if (status == STATUS_OK && settings->tls.certificate != NULL) {
        struct tls_credentials *tls = NULL;
        status = tls_credentials_read(&settings->tls, TLS_DAEMON, &tls, problem);
        tls_credentials_release(tls);
    }
    return status;
}

enum status settings_check_expiry(const struct settings *settings, struct problem *problem)
{
    struct tls_credentials *tls = NULL;
    char text[160];
    if (settings->tls.certificate == NULL) {
        return STATUS_OK;
    }
    enum status status = tls_credentials_read(&settings->tls, TLS_DAEMON, &tls, problem);
    if (status == STATUS_OK && tls_expiry_say(tls, text, sizeof text)) {
        journal(JOURNAL_WARNING, "%s: %s", settings->tls.certificate, text);
        if (tls_credentials_until_s(tls) <= (int64_t)time(NULL)) {
            status = problem_report(problem, STATUS_REFUSED, settings->tls.certificate, NULL, "Renew it.", "%s", text);
        }
    }
    tls_credentials_release(tls);
    return status;
}
