// site.c: `intergreen site`: what engineers know of the intersections, as files beside the network.
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/usage.h"
#include "engine/import/site_data.h"

static const char USAGE[] =
    "usage: intergreen site export --network NET DIR [--overwrite]\n"
    "       intergreen site check  --network NET DIR\n"
    "       intergreen site diff   --network NET DIR\n"
    "\n"
    "  export   writes one YAML file for each intersection: all that was derived, ready to be corrected\n"
    "  check    reads the folder over the network; tells each intersection's site hash and whether it is approved\n"
    "  diff     what the folder changes\n";

struct site_arguments {
    const char *action, *network, *folder;
    bool overwrite;
};

static int misused(const char *what)
{
    return usage_wrong("site", "%s", what);
}

static int failed(const struct problem *problem)
{
    (void)fprintf(stderr, "intergreen site: %s\n", problem->text);
    return CLI_FAILED;
}

static int export(const struct site_arguments *arguments, const struct network *network)
{
    struct problem problem = { "" };
    if (site_export(network, arguments->folder, arguments->overwrite, &problem) != STATUS_OK) {
        return failed(&problem);
    }
    (void)printf("%d files in %s\n", network->intersection_count, arguments->folder);
    return CLI_DONE;
}

static int check(const struct site_arguments *arguments, struct network *network)
{
    struct problem problem = { "" };
    int32_t files = 0, approved = 0;
    if (site_apply(network, arguments->folder, &files, &problem) != STATUS_OK) {
        return failed(&problem);
    }
    for (int32_t i = 0; i < network->intersection_count; i++) {
        const struct intersection *at = &network->intersections[i];
        (void)printf("0x%016llx  %-12s  %s\n", (unsigned long long)at->site_hash, at->approved
                     ? "approved" : "not approved",
                     network_name(network, at->name));
        approved += at->approved;
    }
    (void)printf("%d files hold; %d of %d intersections are approved\n", files, approved, network->intersection_count);
    return CLI_DONE;
}

static int diff(const struct site_arguments *arguments, struct network *network)
{
    struct problem problem = { "" };
    struct network before;
    network_copy(network, &before);
    if (site_apply(network, arguments->folder, NULL, &problem) != STATUS_OK) {
        network_release(&before);
        return failed(&problem);
    }
    struct import_report lines = { { 0 } };
    site_diff(&before, network, &lines);
    for (int32_t i = 0; i < lines.lines.count; i++) {
        (void)puts(lines.lines.at[i].text);
    }
    (void)printf("%d differences\n", lines.lines.count);
    import_report_release(&lines);
    network_release(&before);
    return CLI_DONE;
}

static int run(const struct site_arguments *arguments)
{
    struct problem problem = { "" };
    struct network network;
    struct import_options options = IMPORT_OPTIONS_DEFAULT;
    if (import_network(arguments->network, &options, &network, NULL, &problem) != STATUS_OK) {
        return failed(&problem);
    }
    int code = strcmp(arguments->action, "export") == 0 ? export(arguments, &network)
        : strcmp(arguments->action, "check") == 0 ? check(arguments, &network) : diff(arguments, &network);
    network_release(&network);
    return code;
}

int cli_site(int argc, char **argv)
{
    static const struct option OPTIONS[] = {
        { "network", required_argument, NULL, 'n' }, { "overwrite", no_argument, NULL, 'w' },
        { "help", no_argument, NULL, 'h' },          { NULL, 0, NULL, 0 },
    };
    struct site_arguments arguments = { 0 };
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "n:h", OPTIONS, NULL)) != -1;) {
        switch (option) {
        case 'n':
            arguments.network = optarg;
            break;
        case 'w':
            arguments.overwrite = true;
            break;
        case 'h':
            (void)fputs(USAGE, stdout);
            return CLI_DONE;
        default:
            return usage_hint("site");
        }
    }
    if (argc - optind != 2) {
        return misused("say export, check or diff, and name one folder");
    }
    arguments.action = argv[optind];
    arguments.folder = argv[optind + 1];
    if (strcmp(arguments.action, "export") != 0 && strcmp(arguments.action, "check") != 0
        && strcmp(arguments.action, "diff") != 0) {
        return misused("say export, check or diff");
    }
    return arguments.network == NULL ? misused("name the network with --network") : run(&arguments);
}
