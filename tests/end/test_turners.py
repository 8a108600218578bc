"""Goal: under signals turners into one road get through as SUMO's do: right turners one behind the other, and left
turners beside the right turners that they face, into a road that is theirs alone and into one that others use too."""
import random
import shutil
import xml.etree.ElementTree as ElementTree

from harness import Skip, main, run, sim, test

DRIVER = 'length="5" minGap="2.5" accel="2.6" decel="4.5" tau="1" sigma="0" speedDev="0"'
SECONDS, ARM_M = 2400, 300
PLACES = {"w": (-ARM_M, 0), "n": (0, ARM_M), "e": (ARM_M, 0), "s": (0, -ARM_M)}


def junction(folder, arms):
    """Two lanes each way; the left turner from the west faces the right turner from the east, both into the north."""
    if shutil.which("sumo") is None or shutil.which("netconvert") is None:
        raise Skip("there is no sumo")
    nodes = '<node id="c" x="0" y="0" type="traffic_light"/>' + "".join(
        f'<node id="{arm}" x="{PLACES[arm][0]}" y="{PLACES[arm][1]}"/>' for arm in arms)
    edges = "".join(f'<edge id="{arm}{way}" from="{ends[0]}" to="{ends[1]}" numLanes="2" speed="13.89"/>'
                    for arm in arms for way, ends in (("i", (arm, "c")), ("o", ("c", arm))))
    (folder / "n.nod.xml").write_text(f"<nodes>{nodes}</nodes>")
    (folder / "n.edg.xml").write_text(f"<edges>{edges}</edges>")
    run("netconvert", "-X", "never", "-n", folder / "n.nod.xml", "-e", folder / "n.edg.xml", "-o", folder / "n.net.xml",
        "--no-turnarounds")


def both(folder, model, hourly, counted):
    """How many arrive of those that go the way `counted` ("en": from the east to the north), ours and SUMO's."""
    draw, departs = random.Random(3), []
    for way, flow in hourly.items():
        departs += [(k * 3600 / flow + draw.random(), way) for k in range(flow * SECONDS // 3600)]
    vehicles = "".join(f'<vehicle id="{way}{i}" type="t" depart="{at:.2f}" departLane="best" departSpeed="max">'
                       f'<route edges="{way[0]}i {way[1]}o"/></vehicle>' for i, (at, way) in enumerate(sorted(departs)))
    (folder / "r.rou.xml").write_text(f'<routes><vType id="t" carFollowModel="{model}" {DRIVER}/>{vehicles}</routes>')
    run("sumo", "-X", "never", "-n", folder / "n.net.xml", "-r", folder / "r.rou.xml", "-e", SECONDS,
        "--time-to-teleport", -1, "--tripinfo-output", folder / "sumo.tripinfo.xml", "--no-step-log", "--no-warnings")
    sim("--network", folder / "n.net.xml", "--demand", folder / "r.rou.xml", "--control", "program", "--begin", 0,
        "--seconds", SECONDS, "--out", folder / "out")
    return [sum(trip.get("id").startswith(counted) and float(trip.get("arrival")) >= 0
                for trip in ElementTree.parse(path).iter("tripinfo"))
            for path in (folder / "out" / "tripinfo.xml", folder / "sumo.tripinfo.xml")]


@test
def right_turners_alone(folder):
    junction(folder, "wnes")
    for model in ("IDM", "Krauss"):
        ours, sumos = both(folder, model, {"en": 1400}, "en")
        assert sumos > 400 and abs(ours / sumos - 1) < 0.03, (model, ours, sumos)


@test
def left_turners_into_a_road_that_others_use(folder):
    junction(folder, "wnes")
    for model, flow in (("IDM", 200), ("IDM", 400), ("Krauss", 200), ("Krauss", 400)):
        ours, sumos = both(folder, model, {"wn": 700, "en": flow}, "wn")
        assert abs(ours / sumos - 1) < 0.05, (model, flow, ours, sumos)


@test
def left_turners_into_a_road_of_their_own(folder):
    junction(folder, "wne")
    for model, flow in (("IDM", 400), ("IDM", 900), ("Krauss", 400), ("Krauss", 900)):
        ours, sumos = both(folder, model, {"wn": 700, "en": flow}, "wn")
        assert abs(ours / sumos - 1) < 0.05, (model, flow, ours, sumos)


main()
