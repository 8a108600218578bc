"""Goal: drivers take the gaps that SUMO's take, and begin where SUMO's begin. Krauss without dawdling; at a crossing of a
main road with a minor one a car comes to its line just before one that has the right, and must stop; the smallest gap
behind that one in which it goes is the same within a second and a half."""
import re
import shutil
import xml.etree.ElementTree as ElementTree

from harness import Skip, main, run, sim, test

LENGTH_M, SPEED_MPS, EVERY_S = 300, 13.89, 100
CAR = ('<vType id="t" carFollowModel="Krauss" length="5" minGap="2.5" accel="2.6" decel="4.5" tau="1" sigma="0" '
       'speedDev="0"/>')
GAPS_S = [2.0 + 0.5 * i for i in range(17)]


def net_of(folder, nodes, edges):
    if shutil.which("sumo") is None or shutil.which("netconvert") is None:
        raise Skip("there is no sumo")
    (folder / "n.nod.xml").write_text(f"<nodes>{nodes}</nodes>")
    (folder / "n.edg.xml").write_text(f"<edges>{edges}</edges>")
    run("netconvert", "-X", "never", "-n", folder / "n.nod.xml", "-e", folder / "n.edg.xml", "-o", folder / "n.net.xml")


def both(folder, trips):
    (folder / "r.rou.xml").write_text(f"<routes>{CAR}{trips}</routes>")
    run("sumo", "-X", "never", "-n", folder / "n.net.xml", "-r", folder / "r.rou.xml", "--fcd-output",
        folder / "sumo.fcd.xml", "--tripinfo-output", folder / "sumo.tripinfo.xml", "--no-step-log")
    sim("--network", folder / "n.net.xml", "--demand", folder / "r.rou.xml", "--control", "program", "--out",
        folder / "out", "--fcd")


def smallest_gap(path):
    """The smallest gap that was taken: the k-th car that waits is on an exit before the k-th one that closes the gap."""
    on_exit, vehicle = {}, re.compile(r'id="([^"]*)".*? lane="[wens]o_')
    for line in path.open():
        if "<timestep" in line:
            t = float(line.split('time="')[1].split('"')[0])
        found = vehicle.search(line)
        if found:
            on_exit.setdefault(found.group(1), t)
    taken = [gap for k, gap in enumerate(GAPS_S) if on_exit[f"x{k}"] < on_exit[f"b{k}"]]
    return min(taken, default=99.0)


@test
def gaps_are_taken_as_in_sumo(folder):
    nodes = "".join(f'<node id="{name}" x="{x}" y="{y}" type="priority"/>' for name, x, y in
                    (("c", 0, 0), ("w", -LENGTH_M, 0), ("e", LENGTH_M, 0), ("n", 0, LENGTH_M), ("s", 0, -LENGTH_M)))
    edges = "".join(f'<edge id="{name}{way}" from="{name if way == "i" else "c"}" to="{"c" if way == "i" else name}" '
                    f'numLanes="1" speed="{SPEED_MPS}" priority="{5 if name in "we" else 1}"/>'
                    for name in "wens" for way in "io")
    net_of(folder, nodes, edges)
    # Straight on over the main road; left, across it; the main road's left turn: against who has the right.
    for own, other in (("sn", "we"), ("sn", "es"), ("sw", "we"), ("sw", "es"), ("es", "we")):
        trips = []
        for k, gap in enumerate(GAPS_S):
            at = 20.0 + EVERY_S * k
            trips += [(at - 1.0, f"x{k}", own), (at, f"a{k}", other), (at + gap, f"b{k}", other)]
        both(folder, "".join(f'<vehicle id="{name}" type="t" depart="{at:.1f}" departSpeed="max"><route '
                             f'edges="{way[0]}i {way[1]}o"/></vehicle>' for at, name, way in sorted(trips)))
        ours, sumos = smallest_gap(folder / "out" / "fcd.xml"), smallest_gap(folder / "sumo.fcd.xml")
        assert sumos < 99.0 and abs(ours - sumos) <= 1.5, (own, other, ours, sumos)


@test
def places_of_departure_are_sumos(folder):
    net_of(folder, '<node id="a" x="0" y="0"/><node id="b" x="500" y="0"/><node id="c" x="900" y="0"/>',
           '<edge id="ab" from="a" to="b" numLanes="1" speed="13.89"/><edge id="bc" from="b" to="c" numLanes="1" '
           'speed="13.89"/>')
    places = ("base", "100", "-100", "last", "490")
    both(folder, "".join(f'<vehicle id="{place}" type="t" depart="{100 * i}" departPos="{place}"><route edges="ab bc"/>'
                         '</vehicle>' for i, place in enumerate(places)))
    durations = [{trip.get("id"): float(trip.get("duration")) for trip in ElementTree.parse(path).iter("tripinfo")}
                 for path in (folder / "out" / "tripinfo.xml", folder / "sumo.tripinfo.xml")]
    for place in places:
        assert abs(durations[0][place] - durations[1][place]) <= 1.0, (place, durations)


@test
def a_main_road_keeps_its_right_into_a_full_exit(folder):
    """Two queues into one exit that a slow link behind it keeps full: those who turn right into it from the minor road
    do not fill each gap before the head of the main road's queue, which stands for want of room."""
    for exit_m in (300, 100):
        nodes = "".join(f'<node id="{name}" x="{x}" y="{y}" type="priority"/>' for name, x, y in
                        (("c", 0, 0), ("w", -LENGTH_M, 0), ("n", 0, LENGTH_M), ("s", 0, -LENGTH_M), ("e", exit_m, 0),
                         ("f", exit_m + 100, 0)))
        roads = [("wi", "w", "c", 5), ("si", "s", "c", 1), ("ni", "n", "c", 1), ("eo", "c", "e", 5), ("no", "c", "n", 1),
                 ("so", "c", "s", 1)]
        net_of(folder, nodes, "".join(f'<edge id="{name}" from="{begin}" to="{end}" numLanes="1" speed="{SPEED_MPS}" '
                                      f'priority="{priority}"/>' for name, begin, end, priority in roads)
               + '<edge id="slow" from="e" to="f" numLanes="1" speed="2" priority="5"/>')
        both(folder, "".join(f'<vehicle id="{road}{k}" type="t" depart="{4 * k + (road == "s")}"><route edges="{road}i '
                             'eo slow"/></vehicle>' for k in range(250) for road in "ws"))
        for path in (folder / "sumo.tripinfo.xml", folder / "out" / "tripinfo.xml"):
            arrived = [trip.get("id")[0] for trip in ElementTree.parse(path).iter("tripinfo")
                       if 0.0 <= float(trip.get("arrival")) <= 1000.0]
            assert len(arrived) > 150 and arrived.count("w") > arrived.count("s"), (exit_m, path, arrived.count("w"))


main()
