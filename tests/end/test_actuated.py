"""Goal: actuated control is the baseline that it says: on cologne8 no weaker than SUMO's own (by 15 %), at the roadside as in
the brain; better than the program it stretches; the same trips through a daemon and on any number of threads; and what a
controller falls back to when its plans end."""
import shutil
import statistics
import subprocess
import xml.etree.ElementTree as ElementTree

import harness
from harness import Daemon, INTERGREEN, Skip, data, run, sim, test

SUMO_SEEDS, OUR_SEEDS = range(1, 4), range(1, 9)


def city(folder):
    run(INTERGREEN, "generate", "--intersections", 40, "--seed", 9, "-o", folder / "city")
    return ["--network", folder / "city" / "network.ig", "--demand", folder / "city" / "demand.ig", "--begin", 27000,
            "--seconds", 1200, "--demand-scale", 0.7]


def sumo_delay(folder, seed):
    """RESCO's metric: time loss and departure delay, of the vehicles that did not arrive too."""
    tree = ElementTree.parse(data("cologne8/cologne8.net.xml"))
    for program in tree.iter("tlLogic"):
        program.set("type", "actuated")
    tree.write(folder / "net.xml")
    subprocess.run(["sumo", "-n", folder / "net.xml", "-r", data("cologne8/cologne8.rou.xml"), "-b", "25200", "-e", "28800",
                    "--seed", str(seed), "--tripinfo-output", folder / "trips.xml", "--tripinfo-output.write-unfinished",
                    "--xml-validation", "never", "--no-step-log", "--no-warnings"], check=True, capture_output=True)
    trips = list(ElementTree.parse(folder / "trips.xml").iter("tripinfo"))
    assert len(trips) == 2046, len(trips)
    return statistics.mean(float(trip.get("departDelay")) + float(trip.get("timeLoss")) for trip in trips)


@test
def is_no_weaker_than_sumos_own(folder):
    if shutil.which("sumo") is None:
        raise Skip("there is no sumo here")
    theirs = statistics.mean(sumo_delay(folder, seed) for seed in SUMO_SEEDS)
    for words in (["actuated-local"], ["actuated"], ["actuated", "--sensing", "loops"]):
        results = [sim("--network", data("cologne8/cologne8.sumocfg"), "--seed", seed, "--control", *words)
                   for seed in OUR_SEEDS]
        assert all(result["plans_refused"] == 0 for result in results)
        ours = statistics.mean(result["average_delay_s"] for result in results)
        print(f"# {' '.join(words)}: {ours:.1f} s, SUMO's own {theirs:.1f} s", flush=True)
        # A weaker controller than SUMO's would flatter all that is compared with it; a much better one would tell of an
        # easier street. With loops alone it is 19 % better over 16 seeds.
        least = 0.75 if "loops" in words else 0.85
        assert least <= ours / theirs <= 1.15, (words, ours, theirs)


@test
def beats_the_program_that_it_stretches(folder):
    town = city(folder)
    program = sim(*town, "--control", "program")
    for control in ("actuated", "actuated-local"):
        actuated = sim(*town, "--control", control)
        assert actuated["average_delay_s"] < 0.9 * program["average_delay_s"], (control, actuated, program)
        parts = actuated["vehicles_arrived"] + actuated["vehicles_under_way"] + actuated["vehicles_waiting"]
        assert parts == actuated["vehicles_scheduled"] == program["vehicles_scheduled"], actuated


# What a loop said last holds until it says something else: a box that tells edges alone is no worse than one that counts.
@test
def edges_are_as_good_as_counts(folder):
    town = city(folder)
    for control in ("actuated", "adaptive", "max-pressure"):
        counts, edges = (sim(*town, "--control", control, "--sensing", sensing) for sensing in ("loops", "edges"))
        print(f"# {control}: {counts['average_delay_s']:.1f} s by counts, {edges['average_delay_s']:.1f} s by edges", flush=True)
        assert edges["average_delay_s"] < 1.15 * counts["average_delay_s"], (control, counts, edges)


@test
def gives_the_same_trips_everywhere(folder):
    town = city(folder)
    for control in ("actuated", "actuated-local"):
        for threads in (1, 3):
            sim(*town, "--control", control, "--threads", threads, "--out", folder / f"{control}{threads}")
        one, other = (folder / f"{control}{threads}" / "trips.csv" for threads in (1, 3))
        assert one.read_bytes() == other.read_bytes(), control
    with Daemon(folder, folder / "city" / "network.ig", store="none") as daemon:
        sim(*town, "--control", "actuated", "--daemon", daemon.address, "--out", folder / "daemon")
    assert (folder / "daemon" / "trips.csv").read_bytes() == (folder / "actuated1" / "trips.csv").read_bytes()


@test
def fallback_can_be_actuated(folder):
    town = city(folder)
    local = sim(*town, "--control", "actuated-local")
    _, stderr = run(INTERGREEN, "sim", *town, "--fallback", "flash", code=2)
    assert "site or actuated" in stderr, stderr
    ours = sim(*town, "--control", "actuated", "--fallback", "actuated")
    assert ours["plans_taken"] > 0 and local["plans_taken"] == 0
    assert ours["plans_refused"] == 0, ours


if __name__ == "__main__":
    harness.main()
