#!/usr/bin/python3
"""bench_recording.py: what a recorded day of a large city costs: its bytes, opening it at 17:40, replaying it exactly.

Half an hour of the peak of a generated city of 1,300 intersections is driven, with loops that tell each second: so many
of them speak that there are 8 an intersection (the others are dead, by a fault). What they say is told to an engine
over a whole day, thinned to the time of day, with a controller at every intersection (bench/record_day.c): every second
has a step and every intersection a report. So it is under `program` and under `max-pressure`, one on each core.

Measured are the file's size (at most 2 GiB a day), the time to open the day at 17:40 (map the file, find the block,
load its snapshot, read to the minute; under a second), and the exact replay on two threads: wall time (a day: under
90 s), processor time, and processor time beyond loading the network against that of the recorded brain steps alone, as
exact_replay counts it (at most 1.1). Peak memory is of the replay.

usage: bench_recording.py OUT.json [--seconds S] [--intersections N] [--control A,B] [--keep FOLDER]
"""
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "..", "build", "intergreen")
RECORD_DAY = os.path.join(HERE, "..", "build", "record-day")
LOOPS_EACH = 8
DAY_S, OPEN_AT_S = 86400, 17 * 3600 + 40 * 60
PEAK_BEGIN_S, PEAK_S = 62700, 1800


def option(name, otherwise):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else otherwise


def timed(*words, nothing=False):
    """Standard output, wall seconds, processor seconds and the children's peak of memory so far, MiB. nothing: it is to
    find nothing, and to say so."""
    before, began_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    run = subprocess.run([PROGRAM, *[str(word) for word in words]], capture_output=True, text=True, check=False,
                         env={**os.environ, "OMP_WAIT_POLICY": "passive"})
    if (run.returncode != 0) != nothing:
        raise SystemExit(f"bench recording: {' '.join(str(word) for word in words)}: {run.stderr.strip()}{run.stdout}")
    wall_s, after = time.monotonic() - began_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    return (run.stdout, wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            after.ru_maxrss / 1024)


def city_of(folder, intersections):
    city = os.path.join(folder, "city")
    if not os.path.exists(f"{city}/demand.ig"):
        timed("generate", "--intersections", intersections, "--seed", 1, "-o", city, "--quiet")
    return city


def loops_of(city):
    """How many loops the network has, from a second of a run."""
    out, _, _, _ = timed("sim", "--network", f"{city}/network.ig", "--demand", f"{city}/demand.ig", "--seconds", 2,
                         "--begin", 0, "--sensing", "loops", "--control", "program", "--json", "--quiet")
    return json.loads(out.splitlines()[-1])["sensor_readings"]


def peak_of(city, folder, dead):
    """A recording of half an hour of the peak."""
    days = os.path.join(folder, "peak")
    if not os.path.isdir(days):
        timed("sim", "--network", f"{city}/network.ig", "--demand", f"{city}/demand.ig", "--begin", PEAK_BEGIN_S,
              "--seconds", PEAK_S, "--control", "program", "--sensing", "loops", "--dead-sensors", f"{dead:.4f}",
              "--record", days, "--no-emissions", "--threads", 2, "--quiet")
    return os.path.join(days, sorted(os.listdir(days))[0])


def days_record(city, folder, peak, controls, begin_s, seconds):
    """All days at once: one engine is one thread."""
    running = []
    for control in controls:
        days = os.path.join(folder, f"days-{control}")
        if not os.path.isdir(days):
            words = [RECORD_DAY, f"{city}/network.ig", peak, days, control, str(begin_s), str(seconds), "1"]
            running.append(subprocess.Popen(words, stdout=subprocess.DEVNULL))
    if any(process.wait() != 0 for process in running):
        raise SystemExit("bench recording: a day could not be recorded")


def day_row(city, folder, control, intersections, seconds, begin_s):
    days = os.path.join(folder, f"days-{control}")
    file = os.path.join(days, sorted(os.listdir(days))[0])
    size = sum(os.path.getsize(os.path.join(days, name)) for name in os.listdir(days))
    # What comes before the first step: the network, and looking at the blocks.
    _, none_wall_s, none_cpu_s, _ = timed("replay", file, "--exact", "--json", "--quiet", "--threads", 1, "--from",
                                          str(begin_s - 10), "--until", str(begin_s - 9), nothing=True)
    _, open_wall_s, open_cpu_s, _ = timed("recording", "csv", file, "--kind", "plans", "--from", "17:40", "--until",
                                          "17:40:01", "--network", f"{city}/network.ig")
    out, wall_s, cpu_s, mib = timed("replay", file, "--exact", "--json", "--quiet", "--threads", 2)
    found = json.loads(out.splitlines()[-1])
    beyond_s = cpu_s - none_cpu_s
    return {"control": control, "intersections": intersections, "seconds": seconds, "steps": found["steps"],
            "readings": found["readings"], "plans": found["plans"], "steps_differing": found["steps_differing"],
            "mib": size / 1048576, "mib_a_day": size / 1048576 * DAY_S / seconds,
            "network_wall_s": none_wall_s, "network_cpu_s": none_cpu_s, "open_wall_s": open_wall_s,
            "open_cpu_s": open_cpu_s, "replay_wall_s": wall_s, "replay_cpu_s": cpu_s, "segments": found["segments"],
            "step_core_s": found["step_core_s"], "step_core_ms": 1000 * found["step_core_s"] / found["steps"],
            "cpu_against_steps": beyond_s / found["step_core_s"], "replay_peak_mib": mib}


def main():
    out = sys.argv[1] if len(sys.argv) > 1 and not sys.argv[1].startswith("--") else os.devnull
    seconds, intersections = int(option("--seconds", DAY_S)), int(option("--intersections", 1300))
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = option("--keep", scratch)
        os.makedirs(folder, exist_ok=True)
        city = city_of(folder, intersections)
        dead = max(0.0, 1 - LOOPS_EACH * intersections / loops_of(city))
        controls = option("--control", "program,max-pressure").split(",")
        begin_s = 0 if seconds == DAY_S else max(0, OPEN_AT_S - seconds // 2)
        days_record(city, folder, peak_of(city, folder, dead), controls, begin_s, seconds)
        print(f"{intersections} intersections, {seconds} s, {LOOPS_EACH} loops an intersection\n"
              "control            MiB   readings      plans  open wall s   replay wall s  cpu s  ms/step  cpu/steps")
        for control in controls:
            row = day_row(city, folder, control, intersections, seconds, begin_s)
            rows.append(row)
            print(f"{control:14s} {row['mib']:7.1f} {row['readings']:10d} {row['plans']:10d} {row['open_wall_s']:12.2f} "
                  f"{row['replay_wall_s']:15.1f} {row['replay_cpu_s']:6.1f} {row['step_core_ms']:8.2f} "
                  f"{row['cpu_against_steps']:10.2f}   {'same plans' if row['steps_differing'] == 0 else 'DIFFERENT'}",
                  flush=True)
    with open(out, "w", encoding="utf-8") as file:
        json.dump(rows, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
