"""bench_sim.py: the street and Debian's SUMO on the same generated grid with the same demand, interleaved.

The same junctions, lanes, turns, fixed signals, routes, departures, car-following model and parameters, 1 s steps. Both
stay warm in processes of their own; each round times some steps of ours on one thread, on two, and of SUMO, in turn.
Medians over the rounds. Only the stepping is timed, of SUMO by its own library, called in this process. 500,000 vehicles are
driven by ours alone. Vehicles under way are the same in both to 3 % to the end, or the bench fails.
"""
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build" / "street-rate"
WARM_STEPS = 150
# case: vehicles, rounds, our steps a round, SUMO's steps a round (0: SUMO is not asked)
CASES = {
    "grid-1000": (1000, 11, 25, 10),
    "grid-10000": (10000, 11, 20, 3),
    "grid-50000": (50000, 7, 10, 1),
    "grid-500000": (500000, 5, 4, 0),
}


class Ours:
    """One process of street-rate: a street on one thread, and the same on two."""

    def __init__(self, vehicles):
        self.process = subprocess.Popen([PROGRAM, str(vehicles)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        fields = self.process.stdout.readline().split()
        self.vehicles = int(fields[0])
        self.bytes_per_vehicle, self.table_bytes = float(fields[1]), float(fields[2])
        self.load_s = float(fields[3]) + float(fields[4])

    def rate(self, threads, steps):
        self.process.stdin.write(f"{threads} {steps}\n")
        self.process.stdin.flush()
        updates, wall_s, under_way = self.process.stdout.readline().split()
        self.vehicles = int(under_way)
        return int(updates) / float(wall_s)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Sumo:
    """SUMO's library in this process, warm."""

    def __init__(self, vehicles, folder):
        import libsumo
        self.sumo = libsumo
        subprocess.run([PROGRAM, str(vehicles), "--sumo", folder], check=True)
        subprocess.run(["netconvert", "-n", "town.nod.xml", "-e", "town.edg.xml", "-x", "town.con.xml", "-i",
                        "town.tll.xml", "-o", "town.net.xml", "--no-turnarounds", "true", "--no-internal-links",
                        "false"], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        libsumo.start(["sumo", "-n", f"{folder}/town.net.xml", "-r", f"{folder}/town.rou.xml", "--step-length", "1",
                       "--no-step-log", "true", "--no-warnings", "true", "--time-to-teleport", "-1",
                       "--default.speeddev", "0", "--xml-validation", "never"])
        for _ in range(WARM_STEPS):
            libsumo.simulationStep()

    def rate(self, steps):
        updates, wall_s = 0, 0.0
        for _ in range(steps):
            updates += self.sumo.vehicle.getIDCount()
            start = time.perf_counter()
            self.sumo.simulationStep()
            wall_s += time.perf_counter() - start
        self.vehicles = self.sumo.vehicle.getIDCount()
        return updates / wall_s

    def close(self):
        self.sumo.close()


def measure(case, vehicles, rounds, steps, sumo_steps):
    """The rows of one case."""
    folder = tempfile.mkdtemp(prefix="bench-sim-")
    sumo = Sumo(vehicles, folder) if sumo_steps else None
    ours = Ours(vehicles)
    rates = {1: [], 2: [], "sumo": []}
    for _ in range(rounds):
        for threads in (1, 2):
            rates[threads].append(ours.rate(threads, steps))
        if sumo:
            rates["sumo"].append(sumo.rate(sumo_steps))
    if sumo:
        sumo.close()
        # Ours find another way when they are in the wrong lane for long, and some then arrive; SUMO's stay there.
        if abs(sumo.vehicles - ours.vehicles) > 0.03 * vehicles:
            sys.exit(f"bench sim: SUMO has {sumo.vehicles} vehicles under way, ours {ours.vehicles}")
    ours.close()
    shutil.rmtree(folder)
    one, two = statistics.median(rates[1]), statistics.median(rates[2])
    theirs = statistics.median(rates["sumo"]) if sumo else None
    print(f"{ours.vehicles:9d} {one / 1e6:11.2f} {two / 1e6:11.2f} {two / one:8.2f}"
          f" {theirs / 1e3 if theirs else float('nan'):12.1f} {one / theirs if theirs else float('nan'):9.0f}"
          f" {ours.bytes_per_vehicle:14.0f} {ours.table_bytes:9.0f} {ours.load_s:8.3f}", flush=True)
    return [{"case": case, "vehicles": ours.vehicles, "threads": threads, "vehicle_updates_per_s": round(rate),
             "sumo_vehicle_updates_per_s": round(theirs) if theirs else None,
             "ratio_to_sumo": round(rate / theirs, 1) if theirs else None,
             "speedup_2_threads": round(two / one, 3), "bytes_per_vehicle": round(ours.bytes_per_vehicle),
             "load_s": round(ours.load_s, 4)} for threads, rate in ((1, one), (2, two))]


def main():
    rows = []
    print(" vehicles  1 thr. M/s  2 thr. M/s speed-up  SUMO k/s 1th  ratio 1t  bytes/vehicle  (tables)   load s",
          flush=True)
    for case, (vehicles, rounds, steps, sumo_steps) in CASES.items():
        if len(sys.argv) > 2 and case not in sys.argv[2:]:
            continue
        rows += measure(case, vehicles, rounds, steps, sumo_steps)
    Path(sys.argv[1]).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
