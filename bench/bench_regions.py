#!/usr/bin/env python3
"""regions: a city of 10,000 intersections led whole by one daemon, and led in four regions by four daemons on one store: what each
of them costs, and what crosses the borders. All on this machine, each daemon with the controllers and stations of its region, under
`adaptive`; a deployment has a machine for each. `share` is a daemon's CPU against that of the one that leads all.
"""
import os
import socket
import subprocess
import sys
import tempfile
import time

from city_daemon import BUILD, Daemon, city, load_begin, load_end, table, write

CITY = int(os.environ.get("REGIONS_CITY", "10000"))
REGIONS = 4
SECONDS = 10
LOOPS, CAMERAS = 8, 8


def parted(regions):
    whole = city(CITY)
    path = whole.parent / f"parted-{regions}.ig"
    if not path.exists():
        subprocess.run([BUILD / "intergreen", "import", whole, "-o", path, "--regions", str(regions), "--quiet"], check=True)
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def waits(what, condition, seconds=120):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise RuntimeError(f"waited {seconds} s for {what}")
        time.sleep(0.2)


def measure(regions, store):
    network, rows, daemons, loads = parted(regions), [], [], []
    each = CITY // regions
    try:
        for number in range(regions):
            keys = {"city": f"bench-{regions}", "strategy": "adaptive", "store": store, "leads": f"[ R{number} ]",
                    "limits": "{ connections: 60000 }", "step_ms": 1000}
            daemons.append(Daemon(network, **keys))
            daemons[-1].start()
        for number, daemon in enumerate(daemons):
            loads.append(load_begin(network, daemon.address, region=f"R{number}", name=f"R{number}", controllers=each // 2,
                                    stations=each, connections=each // 2, readings=LOOPS, cameras=CAMERAS, batches_per_s=each,
                                    subscribe=True, seconds=600))
        for daemon in daemons:
            waits("all to report", lambda daemon=daemon: daemon.metrics()["intersections_reported"] >= each)
        time.sleep(3)
        before = [(sum(daemon.cpu().values()), daemon.metrics(), time.monotonic()) for daemon in daemons]
        time.sleep(SECONDS)
        for number, daemon in enumerate(daemons):
            cpu, metrics, at = sum(daemon.cpu().values()), daemon.metrics(), time.monotonic()
            cpu_s, was, began = cpu - before[number][0], before[number][1], at - before[number][2]
            rows.append({"regions": regions, "region": f"R{number}", "intersections": each, "daemon_cores": round(cpu_s / began, 3),
                         "readings_per_s": int((metrics["readings_total"] - was["readings_total"]) / began),
                         "boundary_readings_per_s": int((metrics["boundary_readings_total"]
                                                         - was["boundary_readings_total"]) / began),
                         "step_ms_mean": round(metrics["step_seconds_mean"] * 1000.0, 1), "rss_mib": int(daemon.rss_mib())})
    finally:
        for process in loads:
            process.terminate()
        for process in loads:
            load_end(process)
        for daemon in daemons:
            daemon.stop()
    return rows


def main(path):
    port, folder = free_port(), tempfile.mkdtemp(prefix="ig-regions-")
    store = subprocess.Popen(["redis-server", "--port", str(port), "--save", "", "--dir", folder], stdout=subprocess.DEVNULL)
    try:
        rows = measure(1, f"redis://127.0.0.1:{port}") + measure(REGIONS, f"redis://127.0.0.1:{port}")
    finally:
        store.terminate()
        store.wait()
    for row in rows:
        row["share"] = round(row["daemon_cores"] / rows[0]["daemon_cores"], 3)
    table(rows)
    write(rows, path)


if __name__ == "__main__":
    main(sys.argv[1])
