// config.h: the daemon's configuration file: YAML in, settings out.
//
// THEORY    The file is read twice. First as a tree with the place of every node, so that an unknown key, a doubled one
//           or a value out of its range is told with its line; then by libcyaml into the struct below, which is the one
//           place where keys, types and settings meet. docs/configuration.md tells what each key means.
// CONTRACT  All or nothing: on any failure *ret stays as it was, and the problem names file, line and key, and for an
//           unknown key the nearest one that exists. Relative paths are relative to the file's own folder.
// OWNERSHIP What the settings point to lives until config_release.
// NOT HERE  Defaults and addresses (engine/serve/settings.h).
#pragma once

#include "engine/serve/settings.h"

struct config;

MUST_USE enum status config_read(const char *path, struct config **ret, struct settings *ret_settings,
                                 struct problem *problem);
void config_release(struct config *config);
