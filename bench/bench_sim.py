"""bench_sim.py: the street and Debian's SUMO on the same generated grid with the same demand, interleaved.

The same junctions, lanes, turns, fixed signals, routes, departures, car-following model and parameters, 1 s steps.

What is timed. All junctions' programs start together, and a vehicle's second costs either peer up to 1.6 times as much
in one part of the cycle as in another: so both are timed over the same simulated seconds, one whole cycle from WARM_S
on, when all have entered. A round is a process of ours that makes the street anew, runs it untimed to WARM_S and times
the cycle, on one thread and then on two: each timed window is warmed by the 150 steps before it. Between our rounds
SUMO, warm in this process and called by its own library, is timed over the next part of the cycle, after each of its
vehicles has been asked for its speed. Ours is the median of the rounds, SUMO's is its whole cycle. 500,000 vehicles are
driven by ours alone, one cycle after another.

On which processor. On a shared machine one processor may be held up by another guest for minutes and make half of what
the other makes. So before each case it is found which is the quicker one, and both peers' single threads run on that.
Two threads run on all, and are told beside what one thread makes on the mean of the processors (speedup_2_threads).

What is counted. A step of either peer's: signals, driving, changes of lane, junctions, who enters and arrives. What of
ours is signals_show, the playing of the programs, is told apart as well (signals_ns_per_update).

That the work is the same: vehicles under way, their mean speed and the share that stands are compared over the cycle,
or the bench fails.
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build" / "street-rate"
PROCESSORS = sorted(os.sched_getaffinity(0))
WARM_S = 150                 # as in street_rate.c
HALTED_MPS = 0.1
# case: vehicles, rounds (which part the cycle evenly), whether SUMO drives them too
CASES = {
    "grid-1000": (1000, 12, True),
    "grid-10000": (10000, 12, True),
    "grid-50000": (50000, 8, True),
    "grid-500000": (500000, 3, False),
}
# How far the peers may differ over the cycle: vehicles (share), mean speed (share), share that stands (absolute).
VEHICLES_APART, SPEED_APART, HALTED_APART = 0.03, 0.1, 0.05


class Ours:
    """A process of street-rate: a street on one thread, the same on two, each warmed up when it is asked for first."""

    def __init__(self, vehicles):
        self.process = subprocess.Popen([PROGRAM, str(vehicles)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, preexec_fn=lambda: os.sched_setaffinity(0, PROCESSORS))
        fields = self.process.stdout.readline().split()
        self.bytes_per_vehicle, self.table_bytes = float(fields[1]), float(fields[2])
        self.load_s = float(fields[3]) + float(fields[4])
        self.cycle_s = int(fields[5])

    def run(self, threads, steps):
        self.process.stdin.write(f"{threads} {steps}\n")
        self.process.stdin.flush()
        fields = self.process.stdout.readline().split()
        self.updates, self.vehicles = int(fields[0]), int(fields[2])
        self.step_s, self.signals_s = float(fields[1]), float(fields[3])
        self.mean_mps, self.halted = float(fields[4]), float(fields[5])

    def rate(self, threads, steps, processors):
        os.sched_setaffinity(self.process.pid, processors)
        self.run(threads, steps)
        return self.updates / (self.step_s + self.signals_s)

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
        for _ in range(WARM_S):
            libsumo.simulationStep()
        self.updates, self.wall_s = 0, 0.0

    def speeds(self):
        speeds = [self.sumo.vehicle.getSpeed(vehicle) for vehicle in self.sumo.vehicle.getIDList()]
        return statistics.fmean(speeds), sum(speed < HALTED_MPS for speed in speeds) / len(speeds)

    def run(self, steps):
        for _ in range(steps):
            self.updates += self.sumo.vehicle.getIDCount()
            start = time.perf_counter()
            self.sumo.simulationStep()
            self.wall_s += time.perf_counter() - start
        self.vehicles = self.sumo.vehicle.getIDCount()

    def close(self):
        self.sumo.close()


class Likeness:
    """Ours, in a process that is not timed, beside SUMO at the same seconds of the cycle."""

    def __init__(self, vehicles):
        self.ours = Ours(vehicles)
        self.ours.run(1, 0)
        self.pairs = []

    def note(self, sumo, steps):
        sumo_mps, sumo_halted = sumo.speeds()
        self.pairs.append((self.ours.mean_mps, sumo_mps, self.ours.halted, sumo_halted))
        self.ours.run(1, steps)

    def close(self, sumo):
        self.ours.close()
        mean_mps, sumo_mps, halted, sumo_halted = (statistics.fmean(column) for column in zip(*self.pairs))
        # Ours find another way when they are in the wrong lane for long, and some then arrive; SUMO's stay there.
        if abs(sumo.vehicles - self.ours.vehicles) > VEHICLES_APART * sumo.vehicles:
            sys.exit(f"bench sim: SUMO has {sumo.vehicles} vehicles under way, ours {self.ours.vehicles}")
        if abs(mean_mps - sumo_mps) > SPEED_APART * sumo_mps or abs(halted - sumo_halted) > HALTED_APART:
            sys.exit(f"bench sim: SUMO's drive {sumo_mps:.2f} m/s and {sumo_halted:.3f} of them stand, ours"
                     f" {mean_mps:.2f} m/s and {halted:.3f}")
        return {"mean_speed_mps": round(mean_mps, 3), "sumo_mean_speed_mps": round(sumo_mps, 3),
                "halted_share": round(halted, 4), "sumo_halted_share": round(sumo_halted, 4)}


class Rates:
    """Of ours, what each whole cycle gave: one thread on each processor, two threads on all."""

    def __init__(self):
        self.quick = self.quicker()
        self.one = {processor: [] for processor in PROCESSORS}
        self.two, self.signals_ns = [], []

    @staticmethod
    def quicker():
        """The processor on which a small street is the fastest just now."""
        rates = {processor: [] for processor in PROCESSORS}
        for _ in range(3):
            for processor in PROCESSORS:
                ours = Ours(1000)
                rates[processor].append(ours.rate(1, 5 * ours.cycle_s, [processor]))
                ours.close()
        return max(PROCESSORS, key=lambda processor: statistics.median(rates[processor]))

    def time_one(self, ours, processor):
        self.one[processor].append(ours.rate(1, ours.cycle_s, [processor]))
        self.signals_ns.append(1e9 * ours.signals_s / ours.updates)

    def time_two(self, ours):
        self.two.append(ours.rate(2, ours.cycle_s, PROCESSORS))

    def speedup(self):
        return statistics.median(self.two) / statistics.fmean(statistics.median(one) for one in self.one.values())


def rounds_beside_sumo(vehicles, rounds, sumo, rates):
    """The last process of ours, and how alike the peers are."""
    likeness = Likeness(vehicles)
    for _ in range(rounds):
        for processor in PROCESSORS:
            ours = Ours(vehicles)
            rates.time_one(ours, processor)
            if processor == rates.quick:
                rates.time_two(ours)
            ours.close()
        likeness.note(sumo, ours.cycle_s // rounds)
        os.sched_setaffinity(0, [rates.quick])
        sumo.run(ours.cycle_s // rounds)
    return ours, likeness.close(sumo)


def rounds_alone(vehicles, rounds, rates):
    ours = Ours(vehicles)
    for _ in range(rounds):
        for processor in PROCESSORS:
            rates.time_one(ours, processor)
        rates.time_two(ours)
    ours.close()
    return ours, {}


def measure(case, vehicles, rounds, with_sumo):
    """The rows of one case."""
    folder = tempfile.mkdtemp(prefix="bench-sim-")
    sumo = Sumo(vehicles, folder) if with_sumo else None
    rates = Rates()
    ours, alike = rounds_beside_sumo(vehicles, rounds, sumo, rates) if sumo else rounds_alone(vehicles, rounds, rates)
    signals_ns = statistics.median(rates.signals_ns)
    theirs = sumo.updates / sumo.wall_s if sumo else None
    if sumo:
        sumo.close()
    shutil.rmtree(folder)
    one, two, speedup = statistics.median(rates.one[rates.quick]), statistics.median(rates.two), rates.speedup()
    print(f"{ours.vehicles:9d} {one / 1e6:11.2f} {two / 1e6:11.2f} {speedup:8.2f} {signals_ns:11.2f}"
          f" {theirs / 1e3 if theirs else float('nan'):12.1f} {one / theirs if theirs else float('nan'):9.0f}"
          f" {ours.bytes_per_vehicle:14.0f} {ours.table_bytes:9.0f} {ours.load_s:8.3f}", flush=True)
    if alike:
        print("{:9s} mean speed {mean_speed_mps:.2f} m/s, SUMO {sumo_mean_speed_mps:.2f}; standing {halted_share:.3f},"
              " SUMO {sumo_halted_share:.3f}".format("", **alike), flush=True)
    return [{"case": case, "vehicles": ours.vehicles, "threads": threads, "vehicle_updates_per_s": round(rate),
             "sumo_vehicle_updates_per_s": round(theirs) if theirs else None,
             "ratio_to_sumo": round(rate / theirs, 1) if theirs else None,
             "speedup_2_threads": round(speedup, 3), "bytes_per_vehicle": round(ours.bytes_per_vehicle),
             "load_s": round(ours.load_s, 4), "least_vehicle_updates_per_s": round(min(seen)),
             "most_vehicle_updates_per_s": round(max(seen)), "signals_ns_per_update": round(signals_ns, 3),
             "one_thread_by_processor": [round(statistics.median(each)) for each in rates.one.values()],
             **alike} for threads, rate, seen in ((1, one, rates.one[rates.quick]), (2, two, rates.two))]


def main():
    rows = []
    print(" vehicles  1 thr. M/s  2 thr. M/s speed-up  signals ns  SUMO k/s 1th  ratio 1t  bytes/vehicle  (tables)"
          "   load s", flush=True)
    for case, (vehicles, rounds, with_sumo) in CASES.items():
        if len(sys.argv) > 2 and case not in sys.argv[2:]:
            continue
        rows += measure(case, vehicles, rounds, with_sumo)
    Path(sys.argv[1]).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
