"""Goal: lamps run on the monotonic clock: a wall clock that jumps by an hour, forth and back, as a wrong time server or a
careless hand makes it do, changes no lamp and refuses no controller; it is an alarm. Late readings count or are refused by
their age."""
import subprocess

import harness
from harness import test, wait_for
from pair import CITY, City, Store, safe
from town import Camera, all_written, daemon, fields, hash_of
from wire_client import now_ms

FUTURE, OLD = 4, 5                                         # ReadingRefusal

# A wall clock that is off by what a file says, for the daemon alone.
JUMP = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    }
    int result = real(id, now);
    if (id == CLOCK_REALTIME) {
        FILE *file = fopen(getenv("CLOCK_OFF_FILE"), "r");
        long off_s = 0;
        if (file != NULL) {
            if (fscanf(file, "%ld", &off_s) != 1) {
                off_s = 0;
            }
            fclose(file);
        }
        now->tv_sec += off_s;
    }
    return result;
}
"""


@test
def a_wall_clock_that_jumps_changes_no_lamp(folder):
    (folder / "jump.c").write_text(JUMP)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "jump.so", folder / "jump.c", "-ldl"], check=True)
    off = folder / "off"
    off.write_text("0")
    environment = {"LD_PRELOAD": str(folder / "jump.so"), "CLOCK_OFF_FILE": str(off)}
    with Store(folder / "store") as store, City(folder, f"redis://127.0.0.1:{store.port}", environment=environment) as city:
        wait_for("all controllers to play plans", city.played, 40)
        for jump_s in (3600, -3600, 0):
            said = len(city.daemon.said())
            off.write_text(str(jump_s))
            wait_for("the word", lambda: "wall clock" in city.daemon.said()[said:])
            before = city.steps()[0]
            wait_for("three steps", lambda: city.steps()[0] >= before + 3)
            assert city.steps()[0] - before < 20, "the engine ran after the wall clock"
            assert city.played(), "a controller fell back"
        seen = city.seen()
        safe(seen)
        assert seen["no_plan"] <= CITY * 3, seen


@test
def late_readings_are_taken_or_refused_by_their_age(folder):
    with daemon(folder) as running, Camera(running.address, "B1") as camera:
        all_written(folder)
        count = len(camera.welcome.camera)

        def sees(age_ms, queued):
            camera.observe(base_ms=now_ms() - age_ms, camera=camera.welcome.camera, camera_end_ms=[0] * count,
                           camera_length_ms=[1000] * count, camera_in_view=[queued] * count, camera_queued=[queued] * count,
                           camera_tail_mm=[7500 * queued] * count, camera_through=[0] * count, camera_left=[0] * count,
                           camera_right=[0] * count, camera_u_turn=[0] * count)

        sees(20 * 60 * 1000, 9)                            # older than a quarter of an hour: refused with a reason
        error = camera.wait("error")
        assert error.refused_count == count and error.refused_reason[0] == OLD, error
        sees(-60 * 1000, 9)                                # a minute ahead
        error = camera.wait("error")
        assert error.refused_count == count and error.refused_reason[0] == FUTURE, error
        sees(8000, 9)                                      # too old for control: the queue of now is not what it was
        wait_for("it to be told", lambda: int(hash_of(folder, "daemon").get("readings", "0")) >= count)
        assert float(fields(folder, "B1")["queue_veh"]) < 1.0, fields(folder, "B1")
        sees(100, 9)
        wait_for("the queue", lambda: float(fields(folder, "B1")["queue_veh"]) >= 5.0)


if __name__ == "__main__":
    harness.main()
