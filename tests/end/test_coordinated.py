"""Goal: `coordinated` on an arterial of close crossings: at least a third less delay than `webster` and than the network's own program,
nobody's plan is refused, the trips are the same on any number of threads, and its recording replays to the very same plans.
"""
import shutil
import subprocess

from harness import INTERGREEN, Skip, main, run, sim, test

CROSSINGS = 6
SECONDS = 1800


def arterial(folder):
    """Six crossings 220 m apart, two lanes and a turning lane; 700 vehicles an hour along it, 400 across at each."""
    if shutil.which("netgenerate") is None:
        raise Skip("netgenerate (package sumo) is not installed")
    net, routes = folder / "arterial.net.xml", folder / "arterial.rou.xml"
    letters = "ABCDEF"[:CROSSINGS]
    subprocess.run(["netgenerate", "--grid", "--grid.x-number", str(CROSSINGS), "--grid.y-number", "1", "--grid.x-length", "220",
                    "--grid.attach-length", "250", "-L", "2", "--tls.set", ",".join(f"{letter}0" for letter in letters),
                    "--default.speed", "13.89", "-o", str(net)], check=True, capture_output=True)
    last = letters[-1]
    flows = [("left0A0", f"{last}0right0", 700), (f"right0{last}0", "A0left0", 600)]
    for i, letter in enumerate(letters):
        flows += [(f"bottom{i}{letter}0", f"{letter}0top{i}", 220), (f"top{i}{letter}0", f"{letter}0bottom{i}", 180),
                  (f"bottom{i}{letter}0", f"{last}0right0" if letter != last else "A0left0", 40)]
    with open(routes, "w", encoding="utf-8") as file:
        file.write("<routes>\n")
        for i, (start, goal, vehicles) in enumerate(flows):
            file.write(f'<flow id="f{i}" from="{start}" to="{goal}" begin="0" end="{SECONDS}" vehsPerHour="{vehicles}" '
                       'departLane="best" departSpeed="max"/>\n')
        file.write("</routes>\n")
    return ["--network", str(net), "--demand", str(routes), "--seconds", str(SECONDS + 300)]


@test
def beats_webster_and_program_on_an_arterial(folder):
    options = arterial(folder)
    runs = {name: sim(*options, "--control", name) for name in ("program", "webster", "coordinated")}
    delay = {name: run["average_delay_s"] for name, run in runs.items()}
    assert delay["coordinated"] < 0.67 * min(delay["program"], delay["webster"]), delay
    assert runs["coordinated"]["plans_refused"] == 0, runs["coordinated"]
    assert runs["coordinated"]["vehicles_arrived"] >= runs["webster"]["vehicles_arrived"], runs


@test
def same_trips_on_any_number_of_threads_and_in_a_replay(folder):
    options = arterial(folder)[:-1] + ["700"]
    measures = ("average_travel_time_s", "average_queue_veh", "stops_per_vehicle", "plans_taken", "vehicles_arrived")
    first = sim(*options, "--control", "coordinated", "--threads", "1", "--record", folder / "recording")
    for threads in ("2", "3"):
        again = sim(*options, "--control", "coordinated", "--threads", threads)
        assert all(first[name] == again[name] for name in measures), (first, again)
    recordings = sorted((folder / "recording").glob("*.igr"))
    stdout, _ = run(INTERGREEN, "replay", *recordings, "--exact")
    assert "every plan is the recorded one" in stdout, stdout


@test
def a_corridor_is_named_in_site_data(folder):
    """Exported data of the network take the key; what is exported again has it, and the network's hash tells them apart."""
    net = folder / "named.ig"
    run(INTERGREEN, "import", arterial(folder)[1], "-o", net)
    run(INTERGREEN, "site", "export", "--network", net, folder / "site")
    for name in ("B0", "C0", "D0"):
        with open(folder / "site" / f"{name}.yaml", "a", encoding="utf-8") as file:
            file.write("corridors: [High Street]\n")
    stdout, _ = run(INTERGREEN, "site", "diff", "--network", net, folder / "site")
    assert stdout.count("lies on other corridors") == 3, stdout


if __name__ == "__main__":
    main()
