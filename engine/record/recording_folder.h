// recording_folder.h: a folder of recordings: one file a day (or a run), the oldest deleted when it grows too large.
//
// THEORY    A file is named after the instant of its first event in UTC, 20260131T073000Z.igr, so that names sort by
//           time. A new file begins when the recorder says so, and with the first block after midnight UTC.
// CONTRACT  One thread at a time. What cannot be written is counted and said once; the next block is tried again.
// OWNERSHIP recording_folder_close frees.
// NOT HERE  What is recorded (recorder.h).
#pragma once

#include "engine/record/recorder.h"

struct recording_folder;

// Makes the folder if it is not there. bytes_max 0: no limit.
MUST_USE enum status recording_folder_open(const char *path, uint64_t network_hash, int64_t bytes_max,
                                           struct recording_folder **ret, struct problem *problem);

// Closes the file with its index.
MUST_USE enum status recording_folder_close(struct recording_folder *folder, struct problem *problem);

// A sink that writes at once, on the caller's thread.
struct recorder_sink recording_folder_sink(struct recording_folder *folder);

// The last fault since the last call: true, and the sentence.
bool recording_folder_fault(struct recording_folder *folder, struct problem *ret);

// The file that is being written, or "".
const char *recording_folder_file(const struct recording_folder *folder);
