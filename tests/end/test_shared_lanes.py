"""Goal: lanes of which left turners share with others discharge as SUMO's do. One crossing of four equal roads, as netconvert
makes it, static and actuated, Krauss without dawdling; random turns, three draws; 40 minutes."""
import random
import re
import shutil
import xml.etree.ElementTree as ElementTree

from harness import Skip, main, run, sim, test

LENGTH_M, SPEED_MPS, SECONDS, SEEDS = 300, 13.89, 2400, (1, 2, 3)
CAR = '<vType id="t" sigma="0" speedDev="0"/>'
WAYS = "nesw"                                       # clockwise: the left turn from WAYS[i] leads to WAYS[i + 1]


def crossing(folder, lanes, signals):
    if shutil.which("sumo") is None or shutil.which("netconvert") is None:
        raise Skip("there is no sumo")
    nodes = f'<node id="c" x="0" y="0" type="traffic_light" tlType="{signals}"/>' + "".join(
        f'<node id="{name}" x="{x}" y="{y}"/>' for name, x, y in
        (("n", 0, LENGTH_M), ("e", LENGTH_M, 0), ("s", 0, -LENGTH_M), ("w", -LENGTH_M, 0)))
    edges = "".join(f'<edge id="{name}{way}" from="{name if way == "i" else "c"}" to="{"c" if way == "i" else name}" '
                    f'numLanes="{lanes}" speed="{SPEED_MPS}" priority="2"/>' for name in WAYS for way in "io")
    (folder / "n.nod.xml").write_text(f"<nodes>{nodes}</nodes>")
    (folder / "n.edg.xml").write_text(f"<edges>{edges}</edges>")
    run("netconvert", "-X", "never", "-n", folder / "n.nod.xml", "-e", folder / "n.edg.xml", "--no-turnarounds",
        "-o", folder / "n.net.xml")


def trips(hourly, left, right, seed):
    """hourly: of each road that has traffic."""
    draw, found = random.Random(seed), []
    for name, count in hourly.items():
        for k in range(count * SECONDS // 3600):
            luck = draw.random()
            turn = 1 if luck < left else 3 if luck > 1 - right else 2
            found.append((k * 3600 / count + draw.random(), name, WAYS[(WAYS.index(name) + turn) % 4]))
    return "".join(f'<vehicle id="{name}{to}{i}" type="t" depart="{at:.2f}" departLane="best" departSpeed="max">'
                   f'<route edges="{name}i {to}o"/></vehicle>' for i, (at, name, to) in enumerate(sorted(found)))


def both(folder, hourly, left, right):
    """Durations of who has arrived, ours and SUMO's, over all draws."""
    durations = ([], [])
    for seed in SEEDS:
        (folder / "r.rou.xml").write_text(f"<routes>{CAR}{trips(hourly, left, right, seed)}</routes>")
        run("sumo", "-X", "never", "-n", folder / "n.net.xml", "-r", folder / "r.rou.xml", "-e", SECONDS,
            "--tripinfo-output", folder / "sumo.tripinfo.xml", "--no-step-log", "--no-warnings")
        sim("--network", folder / "n.net.xml", "--demand", folder / "r.rou.xml", "--control", "program", "--begin", 0,
            "--seconds", SECONDS, "--out", folder / "out", "--fcd")
        for k, path in enumerate((folder / "out" / "tripinfo.xml", folder / "sumo.tripinfo.xml")):
            durations[k].extend(float(trip.get("duration")) for trip in ElementTree.parse(path).iter("tripinfo"))
    return durations


def mean(values):
    return sum(values) / len(values)


@test
def opposing_left_turns_pass_in_front(folder):
    crossing(folder, 1, "static")
    ours, sumos = both(folder, {"e": 900, "w": 900}, 1.0, 0.0)
    assert len(sumos) > 1500 and abs(len(ours) / len(sumos) - 1) < 0.02, (len(ours), len(sumos))


@test
def queues_behind_left_turners_of_both_sides_discharge(folder):
    crossing(folder, 1, "static")
    ours, sumos = both(folder, dict.fromkeys(WAYS, 1000), 0.3, 0.0)
    assert abs(len(ours) / len(sumos) - 1) < 0.1, (len(ours), len(sumos))


@test
def who_goes_on_leaves_the_lane_of_left_turners(folder):
    crossing(folder, 2, "static")
    ours, sumos = both(folder, {"e": 900, "w": 900, "n": 600, "s": 600}, 0.15, 0.15)
    assert abs(mean(ours) / mean(sumos) - 1) < 0.1, (mean(ours), mean(sumos))


@test
def left_turners_stay_in_their_lane(folder):
    crossing(folder, 2, "static")
    both(folder, {"e": 900, "w": 900, "n": 600, "s": 600}, 0.15, 0.15)
    lane_of, vehicle = {}, re.compile(r'id="(ne|es|sw|wn)(\d+)".*? lane="[nesw]i_(\d)"')
    for line in (folder / "out" / "fcd.xml").open():
        found = vehicle.search(line)
        if found:
            name, lane = found.group(1) + found.group(2), found.group(3)
            assert lane_of.get(name) != "1" or lane == "1", (name, line)
            lane_of[name] = lane
    assert len(lane_of) > 200


@test
def actuated_greens_are_as_long(folder):
    crossing(folder, 2, "actuated")
    ours, sumos = both(folder, {"e": 700, "w": 700, "n": 500, "s": 500}, 0.25, 0.25)
    assert abs(mean(ours) / mean(sumos) - 1) < 0.07, (mean(ours), mean(sumos))


main()
