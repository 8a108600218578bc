"""Goal: where nobody or a sign alone says who goes first, as many get through as in SUMO, with its drivers: a crossing
of equal roads, of all-way stops, and with a main road."""
import random
import shutil
import xml.etree.ElementTree as ElementTree

from harness import Skip, main, run, sim, test

DRIVER = 'length="5" minGap="2.5" accel="2.6" decel="4.5" tau="1" sigma="0" speedDev="0"'
SECONDS = 1800
PLACES = {"w": (-300, 0), "n": (0, 300), "e": (300, 0), "s": (0, -300)}
ORDER = "wnes"                                   # clockwise: the next but one is straight on, the last to the right


def crossing(folder, kind, main_road=""):
    if shutil.which("sumo") is None or shutil.which("netconvert") is None:
        raise Skip("there is no sumo")
    nodes = f'<node id="c" x="0" y="0" type="{kind}"/>' + "".join(
        f'<node id="{name}" x="{x}" y="{y}"/>' for name, (x, y) in PLACES.items())
    edges = "".join(f'<edge id="{name}{way}" from="{ends[0]}" to="{ends[1]}" speed="13.89" priority="{rank}"/>'
                    for name in PLACES for rank in [3 if name in main_road else 1]
                    for way, ends in (("i", (name, "c")), ("o", ("c", name))))
    (folder / "n.nod.xml").write_text(f"<nodes>{nodes}</nodes>")
    (folder / "n.edg.xml").write_text(f"<edges>{edges}</edges>")
    run("netconvert", "-X", "never", "-n", folder / "n.nod.xml", "-e", folder / "n.edg.xml", "-o", folder / "n.net.xml",
        "--no-turnarounds")


def both(folder, model, hourly, begins):
    """Of those that begin on roads `begins`: how many arrive, and their mean duration; ours and SUMO's."""
    draw, departs = random.Random(7), []
    for name, flow in hourly.items():
        at = draw.expovariate(flow / 3600)
        while at < SECONDS:
            turn = draw.choice((1, 2, 2, 3))
            departs.append((at, name, ORDER[(ORDER.index(name) + turn) % 4]))
            at += draw.expovariate(flow / 3600)
    vehicles = "".join(f'<vehicle id="{begin}{i}" type="t" depart="{at:.1f}" departSpeed="max"><route edges="{begin}i '
                       f'{end}o"/></vehicle>' for i, (at, begin, end) in enumerate(sorted(departs)))
    (folder / "r.rou.xml").write_text(f'<routes><vType id="t" carFollowModel="{model}" {DRIVER}/>{vehicles}</routes>')
    run("sumo", "-X", "never", "-n", folder / "n.net.xml", "-r", folder / "r.rou.xml", "-e", SECONDS,
        "--time-to-teleport", -1, "--tripinfo-output", folder / "sumo.tripinfo.xml", "--no-step-log", "--no-warnings")
    sim("--network", folder / "n.net.xml", "--demand", folder / "r.rou.xml", "--control", "program", "--begin", 0,
        "--seconds", SECONDS, "--out", folder / "out")
    found = []
    for path in (folder / "out" / "tripinfo.xml", folder / "sumo.tripinfo.xml"):
        each = [float(trip.get("duration")) for trip in ElementTree.parse(path).iter("tripinfo")
                if trip.get("id")[0] in begins and float(trip.get("arrival")) >= 0]
        found.append((len(each), sum(each) / len(each)))
    return found


@test
def equal_roads(folder):
    crossing(folder, "right_before_left")
    for model, flow in (("IDM", 350), ("IDM", 500), ("Krauss", 450)):
        (ours, _), (sumos, _) = both(folder, model, dict.fromkeys(PLACES, flow), PLACES)
        assert abs(ours / sumos - 1) < 0.1, (model, flow, ours, sumos)


@test
def all_way_stops(folder):
    crossing(folder, "allway_stop")
    (_, ours), (_, sumos) = both(folder, "Krauss", dict.fromkeys(PLACES, 400), PLACES)
    assert abs(ours / sumos - 1) < 0.05, (ours, sumos)


@test
def idm_drivers_creep_onto_a_main_road(folder):
    crossing(folder, "priority", "we")
    for flow in (400, 600):
        (ours, _), (sumos, _) = both(folder, "IDM", {"w": flow, "e": flow, "n": 300, "s": 300}, "ns")
        assert abs(ours / sumos - 1) < 0.2, (flow, ours, sumos)


main()
