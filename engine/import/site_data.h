// site_data.h: what surveyors and engineers know of an intersection, over what was derived from a map.
//
// THEORY    A folder of YAML files, one an intersection. A file says as little as it wants to: what it leaves out
//           stays as derived. All times are seconds.
//
//               intersection: King Street            # whose data these are
//               owner: City of Springfield
//               approved: {by: J. Doe, on: 2026-11-24, site_hash: 0x0123456789abcdef}
//               quantum_s: 0.1                       # every lamp time is a multiple of it
//               cycle_s: {min: 40, max: 120}
//               coordinated_stage: S1                # or none
//               corridors: [High Street]             # whose green wave it belongs to, with its neighbours of that name
//               groups:
//                 K1: {kind: vehicle, green_s: {min: 6, max: 60}, red_s: {max: 120, emergency: 240}, yellow_s: 3,
//                      red_clearance_s: 2}          # and on_call: true for one with push buttons
//               intergreens_s:                       # end of the first to start of the second; both orders of a pair
//                 K1: {K3: 5, K4: none}              # none: they do not conflict
//                 K3: {K1: 6}
//               stages:
//                 S1: {groups: [K1, K2], green_s: {min: 6, max: 60}}
//                 S7: {allowed: false}               # taken out; a name that is new adds a stage
//               program:                             # its own, also the fallback
//                 cycle_s: 80
//                 offset_s: 12
//                 greens:                            # all of them, where the key is given
//                   - {group: K1, stage: S1, from_s: 0, to_s: 30}
//               detectors:                           # a name that is new adds a detector
//                 D1: {link: e7, lane: 0, to_stop_m: 40, length_m: 2, place: advance}
//
//           A group or stage that the network calls "King Street/K1" is K1 in the file of King Street.
//
//           An approval names the site hash of what was signed. When the data become others (by an edit, or because
//           the network was imported anew), it no longer holds and the folder is refused until somebody looks and
//           signs again.
// CONTRACT  All or nothing: on failure the network is as before, and the problem names file, line, what and remedy.
//           After site_apply the network has passed network_finish, and of every intersection with a file: conflicts
//           are mutual, each intergreen is at least the yellow before it, a vehicle's yellow is 3 to 6 s, and its
//           program keeps intergreens, minimum greens, maximum reds and the cycle's limits. Files are read in order
//           of name.
// OWNERSHIP The network stays the caller's. import_report_release frees the lines of site_diff.
// NOT HERE  Whether a daemon may run an intersection that nobody approved (engine/serve); cameras.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/import/import.h"
#include "engine/model/network.h"

// Lays a folder of *.yaml over a network. ret_files (may be NULL): how many files there were.
MUST_USE enum status site_apply(struct network *network, const char *folder, int32_t *ret_files,
                                struct problem *problem);

// The same for the text of one file; path is for messages.
MUST_USE enum status site_apply_text(struct network *network, const char *text, size_t bytes, const char *path,
                                     struct problem *problem);

// Writes one file for each intersection into the folder, which is made if need be. Without `overwrite` a file that is
// there already refuses the whole export: it may be signed.
MUST_USE enum status site_export(const struct network *network, const char *folder, bool overwrite,
                                 struct problem *problem);

// One intersection as export writes it.
void site_write(const struct network *network, struct intersection_id intersection, FILE *to);

// What differs, one line each, in terms of the field: "King Street: group K1: minimum green 5 s -> 6 s".
void site_diff(const struct network *before, const struct network *after, struct import_report *ret);
