#!/usr/bin/env python3
"""soak [SECONDS]: an hour, or so long as said, of a simulated city at the greatest speed that the machine gives, with connections
that come and go: memory and descriptors stay flat.

One daemon lives through all of it. A cycle is an hour of the city's traffic in lockstep with the daemon while detector stations
come and go; then the live clock, with controllers and stations that come and go and a storm of them at the end. After each
cycle, when everybody has left, memory and descriptors are looked at: from the third cycle on they may not have grown by more
than a tenth and 16 MiB, nor by more than 4 descriptors.
"""
import subprocess
import sys
import time

from city_daemon import BUILD, Daemon, load, load_begin, load_end, settled, table

INTERSECTIONS, SIMULATED_S, LIVE_S, WARM_CYCLES = 120, 3600, 15, 2
RSS_SHARE, RSS_MIB, DESCRIPTORS = 0.1, 16.0, 4


def simulated_city():
    folder = BUILD / "bench" / f"soak-{INTERSECTIONS}"
    if not (folder / "demand.ig").exists():
        subprocess.run([BUILD / "intergreen", "generate", "--intersections", str(INTERSECTIONS), "--seed", "1", "--hours",
                        "7-8", "-o", folder], check=True, stdout=subprocess.DEVNULL)
    return folder


def lockstep_hour(daemon, folder, seconds):
    """The simulated hour, with stations that come and go meanwhile; its wall time."""
    began = time.monotonic()
    stations = load_begin(folder / "network.ig", daemon.address, stations=200, readings=8, cameras=8, batches_per_s=200,
                          churn=50, seconds=600)
    subprocess.run([BUILD / "intergreen", "sim", "--network", folder / "network.ig", "--demand", folder / "demand.ig",
                    "--control", "max-pressure", "--begin", "25200", "--seconds", str(seconds), "--daemon", daemon.address,
                    "--quiet"], check=True, stdout=subprocess.DEVNULL)
    wall_s = time.monotonic() - began
    stations.terminate()
    load_end(stations)
    return wall_s


def quiet(daemon):
    """Waits until everybody has left."""
    until = time.monotonic() + 30
    while settled(daemon)["connections"] > 0:
        if time.monotonic() > until:
            raise RuntimeError("sessions that nobody has are still open")
        time.sleep(0.2)


def cycle(daemon, folder, number, seconds):
    hour_s = lockstep_hour(daemon, folder, seconds)
    seen = load(folder / "network.ig", daemon.address, controllers=INTERSECTIONS, stations=400, readings=8, cameras=8,
                batches_per_s=400, churn=100, subscribe=True, storms=1, seconds=LIVE_S)
    quiet(daemon)
    metrics = daemon.metrics()
    return {"cycle": number, "speed": round(seconds / hour_s, 1), "opened": int(metrics["connections_opened_total"]),
            "plans": int(metrics["plans_total"]), "readings": int(metrics["readings_total"]),
            "plans_older": seen["plans_older"], "rss_mib": round(daemon.rss_mib(), 1),
            "descriptors": daemon.descriptor_count()}


def main(seconds):
    folder, rows = simulated_city(), []
    until = time.monotonic() + seconds
    with Daemon(folder / "network.ig", solve_latency_ms=500) as daemon:
        while time.monotonic() < until or len(rows) < WARM_CYCLES + 2:
            rows.append(cycle(daemon, folder, len(rows), SIMULATED_S if seconds > 300 else 300))
            print(rows[-1], flush=True)
        crashed = "ALARM" in daemon.said() and "no step" in daemon.said()
    table(rows)
    first, last = rows[WARM_CYCLES], rows[-1]
    faults = []
    if last["rss_mib"] > first["rss_mib"] * (1 + RSS_SHARE) + RSS_MIB:
        faults.append(f"memory grew from {first['rss_mib']} to {last['rss_mib']} MiB")
    if last["descriptors"] > first["descriptors"] + DESCRIPTORS:
        faults.append(f"descriptors grew from {first['descriptors']} to {last['descriptors']}")
    if any(row["plans_older"] for row in rows):
        faults.append("a controller was given an older plan")
    if crashed:
        faults.append("the engine stood still")
    print("soak: " + ("; ".join(faults) if faults else "memory and descriptors are flat"))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 3600.0)
