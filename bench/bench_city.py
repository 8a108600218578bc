#!/usr/bin/env python3
"""city: the daemon at the scale of a city, at three sizes, under the strategy that comes with it and under the one that asks most
(`adaptive`): controllers that report and pull every second (and have new plans
pushed), detector stations that send a batch of 16 readings a second, the engine stepping the whole city each second, the live
state written to the embedded Redis, everything recorded. The daemon's CPU is its own threads' alone; redis-server and the load generators run beside
it, and their CPU is told.

One process may have so many descriptors: where that is fewer than sessions and stations, stations share connections (the row
says how many there are), and at 50,000 a controller session plays five intersections.
"""
import os
import pathlib
import signal
import sys
import threading
import time

from city_daemon import (Daemon, city, descriptors, load_begin, load_end, percentile, settled, table, told_all, write)

# intersections, controller sessions, detector stations, seconds measured
SIZES = [(1300, 1300, 1300, 10), (10000, 10000, 10000, 15), (50000, 10000, 10000, 8)]
STRATEGIES = ("max-pressure", "adaptive")
RESERVE = 128                          # descriptors that are not of sessions
LOOPS, CAMERAS = 8, 8                  # readings of a batch


class Steps(threading.Thread):
    """Looks at the daemon's metrics a few times a second: the time that each step took."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.watched, self.ended, self.step_ms, self.rss_mib, self.last = daemon, False, [], 0.0, None

    def run(self):
        while not self.ended:
            metrics = self.watched.metrics()
            if metrics["steps_total"] != self.last:
                self.last = metrics["steps_total"]
                self.step_ms.append(metrics["step_seconds"] * 1000.0)
            self.rss_mib = max(self.rss_mib, self.watched.rss_mib())
            time.sleep(0.3)


def recordings_mib(daemon):
    return sum(file.stat().st_size for file in (daemon.folder / "state" / "recordings").glob("*")) / 1048576.0


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def redis_pid(daemon):
    """The daemon's own redis-server: its child."""
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rsplit(")", 1)[1].split()[1]) == daemon.process.pid:
                return int(stat.parent.name)
        except OSError:
            continue
    raise RuntimeError("the daemon has no redis-server")


def city_plays(daemon, intersections, connections):
    """Waits until every session is open and every controller has reported; the metrics then."""
    until = time.monotonic() + 180
    while True:
        metrics = daemon.metrics()
        if metrics["connections"] >= connections and metrics["intersections_reported"] >= intersections:
            time.sleep(3)              # the last hand-overs
            return daemon.metrics()
        if time.monotonic() > until:
            raise RuntimeError(f"only {metrics['connections']} connections, {metrics['intersections_reported']} reports")
        time.sleep(0.5)


def measure(intersections, sessions, stations, seconds, strategy="max-pressure"):
    network = city(intersections)
    room = descriptors() - RESERVE
    connections = min(stations, room - sessions)
    keys = {"limits": "{ connections: 60000 }", "strategy": strategy}
    with Daemon(network, **keys) as daemon:
        before = settled(daemon)
        processes = [load_begin(network, daemon.address, controllers=sessions, subscribe=True, seconds=300),
                     load_begin(network, daemon.address, stations=stations, connections=connections, readings=LOOPS,
                                cameras=CAMERAS, batches_per_s=stations, seconds=300)]
        at_begin = city_plays(daemon, intersections, sessions + connections)
        processes[0].send_signal(signal.SIGUSR1)
        steps = Steps(daemon)
        redis, cpu_before, at = redis_pid(daemon), daemon.cpu(), time.monotonic()
        redis_before, load_before = cpu_s(redis), sum(cpu_s(process.pid) for process in processes)
        steps.start()
        recorded_mib = -recordings_mib(daemon)
        time.sleep(seconds)
        recorded_mib += recordings_mib(daemon)
        wall_s = time.monotonic() - at
        cpu, redis_s, after = daemon.cpu(), cpu_s(redis) - redis_before, daemon.metrics()
        load_cpu_s = sum(cpu_s(process.pid) for process in processes)
        steps.ended = True
        steps.join()
        for process in processes:
            process.send_signal(signal.SIGTERM)
        played, sent = (load_end(process) for process in processes)
        lost, refused, shed = told_all(daemon, before, sent["readings"])

        def grown(name):
            return after[name] - at_begin[name]

        by_thread = {name: round((cpu[name] - cpu_before.get(name, 0.0)) / wall_s, 3) for name in cpu}
        return {"intersections": intersections, "sessions": sessions, "readings_per_s": int(grown("readings_total") / wall_s),
                "daemon_cores": round(sum(by_thread.values()), 3), "step_ms_p50": round(percentile(steps.step_ms, 0.5), 1),
                "step_ms_p99": round(percentile(steps.step_ms, 0.99), 1), "pull_ms_p50": played["pull_ms_p50"],
                "pull_ms_p99": played["pull_ms_p99"], "rss_mib": int(steps.rss_mib), "lost": lost, "refused": refused,
                "shed": shed, "connections": connections, "plans_per_s": int(played["plans"] / played["played_s"]),
                "plans_refused": played["plans_refused"], "passed_over": sent["batches_passed_over"],
                "plans_late": int(grown("plans_acknowledged_no_total")), "links_lost": played["links_lost"] + sent["links_lost"],
                "reported": int(after["intersections_reported"]), "overruns": int(after["step_overruns_total"]),
                "store_commands_per_s": int(grown("store_commands_total") / wall_s),
                "redis_cores": round(redis_s / wall_s, 3),
                "strategy": strategy, "recorded_mib_per_min": round(recorded_mib * 60.0 / wall_s, 1),
                "load_cores": round((load_cpu_s - load_before) / wall_s, 3),
                "engine_cores": round(sum(share for name, share in by_thread.items() if not name.startswith("loop")), 3),
                "loop_cores": round(sum(share for name, share in by_thread.items() if name.startswith("loop")), 3)}


def main(path):
    chosen = [int(word) for word in os.environ.get("CITY_SIZES", "").split()]
    rows = []
    strategies = os.environ.get("CITY_STRATEGY", " ".join(STRATEGIES)).split()
    for strategy in strategies:
        for size in SIZES:
            if not chosen or size[0] in chosen:
                rows.append(measure(*size, strategy=strategy))
                print(rows[-1], flush=True)
    table([{"strategy": row["strategy"], **{name: row[name] for name in list(row)[:11]}} for row in rows])
    write(rows, path)


if __name__ == "__main__":
    main(sys.argv[1])
