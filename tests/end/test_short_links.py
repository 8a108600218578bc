"""Goal: links shorter than two vehicles carry what they carry in SUMO. Krauss without dawdling; roads that netconvert
makes."""
import re
import shutil
import xml.etree.ElementTree as ElementTree

from harness import Skip, main, run, sim, test

LENGTH_M, SPEED_MPS, SECONDS = 300, 13.89, 3600
CAR = ('<vType id="t" carFollowModel="Krauss" length="5" minGap="2.5" accel="2.6" decel="4.5" tau="1" sigma="0" '
       'speedDev="0"/>')


def net_of(folder, nodes, edges, *options):
    if shutil.which("sumo") is None or shutil.which("netconvert") is None:
        raise Skip("there is no sumo")
    (folder / "n.nod.xml").write_text(f"<nodes>{nodes}</nodes>")
    (folder / "n.edg.xml").write_text(f"<edges>{edges}</edges>")
    run("netconvert", "-X", "never", "-n", folder / "n.nod.xml", "-e", folder / "n.edg.xml", "--no-turnarounds",
        "-o", folder / "n.net.xml", *options)
    return (folder / "n.net.xml").read_text()


def both(folder, trips):
    """Arrivals in an hour, ours and SUMO's, by the first letter of the name."""
    (folder / "r.rou.xml").write_text(f"<routes>{CAR}{trips}</routes>")
    run("sumo", "-X", "never", "-n", folder / "n.net.xml", "-r", folder / "r.rou.xml", "-e", SECONDS, "--time-to-teleport",
        -1, "--tripinfo-output", folder / "sumo.tripinfo.xml", "--no-step-log", "--no-warnings")
    sim("--network", folder / "n.net.xml", "--demand", folder / "r.rou.xml", "--control", "program", "--begin", 0,
        "--seconds", SECONDS, "--out", folder / "out")
    return [[trip.get("id")[0] for trip in ElementTree.parse(path).iter("tripinfo") if float(trip.get("arrival")) >= 0.0]
            for path in (folder / "out" / "tripinfo.xml", folder / "sumo.tripinfo.xml")]


# Six seconds of green in each 90, and trips that end on a link with room for one vehicle and a half: who is inside need
# not stop, so the next one goes in behind it.
@test
def a_queue_turns_into_a_short_link_where_its_trips_end(folder):
    text = net_of(folder, f'<node id="w" x="-{LENGTH_M}" y="0"/><node id="s" x="0" y="-{LENGTH_M}"/><node id="c" x="0" y="0" '
                  'type="traffic_light"/><node id="n" x="0" y="16"/>',
                  "".join(f'<edge id="{name}" from="{name[0]}" to="{name[1]}" numLanes="1" speed="{SPEED_MPS}"/>'
                          for name in ("wc", "sc", "cn")))
    lengths = {lane.get("id"): float(lane.get("length")) for lane in ElementTree.fromstring(text).iter("lane")}
    assert 7.5 < lengths["cn_0"] < 15.0, lengths
    left = int(re.search(r'from="wc" to="cn"[^>]*linkIndex="(\d)"', text).group(1))
    phases = "".join(f'<phase duration="{s}" state="{state if left == 0 else state[::-1]}"/>' for s, state in
                     ((6, "Gr"), (3, "yr"), (78, "rG"), (3, "ry")))
    text = re.sub(r'(<tlLogic [^>]*>).*?(</tlLogic>)', lambda found: found.group(1) + phases + found.group(2), text,
                  flags=re.S)
    (folder / "n.net.xml").write_text(text)
    ours, sumos = both(folder, "".join(f'<vehicle id="w{k}" type="t" depart="{4 * k}"><route edges="wc cn"/></vehicle>'
                                       for k in range(SECONDS // 4)))
    assert len(sumos) > 90 and abs(len(ours) / len(sumos) - 1.0) < 0.05, (len(ours), len(sumos))


main()
