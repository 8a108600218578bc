"""Goal: towns with turn lanes, and with lanes of several stages under actuated programs, are as slow near capacity as SUMO's.
Grids as netgenerate makes them, random trips of 20 minutes, IDM and Krauss without dawdling."""
import random
import shutil
import xml.etree.ElementTree as ElementTree

from harness import Skip, main, run, sim, test

SECONDS = 1200
DRIVER = 'length="5" minGap="2.5" accel="2.6" decel="4.5" tau="1" sigma="0" speedDev="0"'


def grid(folder, seed, *options):
    if shutil.which("sumo") is None or shutil.which("netgenerate") is None:
        raise Skip("there is no sumo")
    run("netgenerate", "-X", "never", "--grid", "--grid.number", 4, "--default-junction-type", "traffic_light",
        "--no-turnarounds", "--seed", seed, "-o", folder / "n.net.xml", *options)


def both(folder, model, hourly, seed):
    """Mean durations, the wait to enter included, and how many have arrived: ours and SUMO's."""
    root = ElementTree.parse(folder / "n.net.xml").getroot()
    edges = sorted(edge.get("id") for edge in root.iter("edge") if edge.get("function") is None)
    draw, trips = random.Random(seed), ""
    for i in range(hourly * SECONDS // 3600):
        begin, end = draw.sample(edges, 2)
        trips += f'<trip id="{i}" type="t" depart="{i * 3600 // hourly}" from="{begin}" to="{end}"/>'
    (folder / "trips.xml").write_text(f'<routes><vType id="t" carFollowModel="{model}" {DRIVER}/>{trips}</routes>')
    run("duarouter", "-X", "never", "-n", folder / "n.net.xml", "-r", folder / "trips.xml", "-o", folder / "r.rou.xml",
        "--ignore-errors", "--no-warnings", "--no-step-log")
    run("sumo", "-X", "never", "-n", folder / "n.net.xml", "-r", folder / "r.rou.xml", "-e", 3 * SECONDS,
        "--time-to-teleport", -1, "--tripinfo-output", folder / "sumo.tripinfo.xml", "--no-step-log", "--no-warnings")
    sim("--network", folder / "n.net.xml", "--demand", folder / "r.rou.xml", "--control", "program", "--begin", 0,
        "--seconds", 3 * SECONDS, "--out", folder / "out")
    found = []
    for path in (folder / "out" / "tripinfo.xml", folder / "sumo.tripinfo.xml"):
        each = [float(trip.get("duration")) + float(trip.get("departDelay"))
                for trip in ElementTree.parse(path).iter("tripinfo")]
        found.append((sum(each) / len(each), len(each)))
    return found


@test
def turn_lanes_near_capacity(folder):
    grid(folder, 41, "--grid.length", 240, "-L", 2, "--turn-lanes", 1, "--turn-lanes.length", 50)
    for model in ("IDM", "Krauss"):
        (ours, arrived), (sumos, arrived_sumo) = both(folder, model, 6000, 1)
        assert arrived == arrived_sumo, (arrived, arrived_sumo)
        assert abs(ours / sumos - 1) < 0.1, (model, ours, sumos)


@test
def actuated_lanes_of_several_stages(folder):
    grid(folder, 34, "--grid.length", 300, "-L", 3, "--random-lanenumber", "--tls.default-type", "actuated")
    for model in ("IDM", "Krauss"):
        (ours, arrived), (sumos, arrived_sumo) = both(folder, model, 4200, 1)
        assert arrived == arrived_sumo, (arrived, arrived_sumo)
        assert abs(ours / sumos - 1) < 0.07, (model, ours, sumos)


main()
