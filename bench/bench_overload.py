#!/usr/bin/env python3
"""overload: a city of 10,000 controllers and detector stations, and then more than it bears: twice the readings, a flood as
fast as the sockets take it, and a storm of all controllers that reconnect and pull at once. Plans outrank readings: what is
shed is readings, and it is counted.

A row is one stretch: the 99th-percentile answer to a pull (that of its worst second) and the slowest, the longest step,
readings taken and shed, memory at its end. `back_s` is how long after the stretch the answers were again as before
(every answer of a second below 20 ms, or as the calm stretch had it, and nothing shed).
"""
import os
import signal
import sys
import time

from bench_city import CAMERAS, LOOPS, Steps, city_plays
from city_daemon import Daemon, city, descriptors, load_begin, load_end, table, write

CITY = int(os.environ.get("OVERLOAD_CITY", "10000"))
SECONDS = int(os.environ.get("OVERLOAD_SECONDS", "10"))
FLOODERS = 256                         # connections of those who send too much


def stretch(daemon, name, seconds, begun=None):
    steps, before = Steps(daemon), daemon.metrics()
    cpu, at = sum(daemon.cpu().values()), time.monotonic()
    steps.start()
    time.sleep(seconds)
    wall_s, after = time.monotonic() - at, daemon.metrics()
    cores = (sum(daemon.cpu().values()) - cpu) / wall_s
    steps.ended = True
    steps.join()
    return {"stretch": name, "from_s": at - begun, "to_s": at - begun + wall_s,
            "readings_per_s": int((after["readings_total"] - before["readings_total"]) / wall_s),
            "shed_per_s": int((after["readings_shed_total"] - before["readings_shed_total"]) / wall_s),
            "held": int(after["detector_reads_held_total"] - before["detector_reads_held_total"]),
            "step_ms_max": round(max(steps.step_ms, default=-1.0), 1), "daemon_cores": round(cores, 3),
            "rss_mib": int(daemon.rss_mib())}


def main(path):
    network = city(CITY)
    # The flood has connections of its own; the calm stations leave it room.
    stations = min(CITY, descriptors() - 256 - CITY - FLOODERS)
    rows = []
    with Daemon(network, limits="{ connections: 60000 }") as daemon:
        controllers = load_begin(network, daemon.address, controllers=CITY, subscribe=True, seconds=600, storms=3)
        begun = time.monotonic()
        calm = load_begin(network, daemon.address, stations=CITY, connections=stations, readings=LOOPS, cameras=CAMERAS,
                          batches_per_s=CITY, seconds=600)
        city_plays(daemon, CITY, CITY + stations)
        rows.append(stretch(daemon, "calm", SECONDS, begun))
        for name, rate in (("twice", CITY), ("flood", 1000000), ("flood again", 1000000)):
            more = load_begin(network, daemon.address, name="flooder", stations=FLOODERS, readings=LOOPS, cameras=CAMERAS,
                              batches_per_s=rate, seconds=600)
            city_plays(daemon, CITY, CITY + stations + FLOODERS)
            rows.append(stretch(daemon, name, SECONDS, begun))
            more.send_signal(signal.SIGTERM)
            load_end(more)
            rows.append(stretch(daemon, "after " + name, 6, begun))
        controllers.send_signal(signal.SIGTERM)
        played = load_end(controllers)
        calm.send_signal(signal.SIGTERM)
        load_end(calm)
    late = [second[3] for second in played["seconds"]]
    for row in rows:
        row["pull_ms_p99"] = max((second[4] for second in played["seconds"][int(row["from_s"]) + 1:int(row["to_s"])]),
                                 default=-1.0)
        row["pull_ms_max"] = max(late[int(row["from_s"]) + 1:int(row["to_s"])], default=-1.0)
    limit = max(20.0, rows[0]["pull_ms_max"])
    for row, after in zip(rows[1::2], rows[2::2]):
        first = int(row["to_s"]) + 1
        row["back_s"] = next((i for i, ms in enumerate(late[first:]) if ms <= limit), -1)
    for row in rows:
        row.pop("from_s"), row.pop("to_s"), row.setdefault("back_s", 0)
    table(rows)
    print(f"storms of {CITY} controllers, ms until all were served: {played['storms_ms']} ({played['storms_done']} of 3)")
    rows += [{"stretch": "storm", "all_served_ms": ms} for ms in played["storms_ms"]]
    write(rows, path)


if __name__ == "__main__":
    main(sys.argv[1])
