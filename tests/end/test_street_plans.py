"""Goal: what stands in the way by plan or by accident. Buses at their stops are as long under way as SUMO's; lanes that
are closed stay empty; pedestrians are served when they call; and all of it is the same through checkpoints, threads and
a daemon, and refused with file and line where it is malformed."""
import csv
import shutil
import xml.etree.ElementTree as ElementTree

from harness import Daemon, INTERGREEN, Skip, main, run, sim, test

NODES = """<nodes><node id="a" x="0" y="0"/><node id="b" x="500" y="0" type="traffic_light"/>
<node id="c" x="1000" y="0" type="traffic_light"/><node id="d" x="1500" y="0"/><node id="bn" x="500" y="300"/>
<node id="bs" x="500" y="-300"/><node id="cn" x="1000" y="300"/><node id="cs" x="1000" y="-300"/></nodes>"""
EDGES = """<edges><edge id="ab" from="a" to="b" numLanes="2" speed="13.89"/>
<edge id="bc" from="b" to="c" numLanes="2" speed="13.89"/><edge id="cd" from="c" to="d" numLanes="2" speed="13.89"/>
<edge id="nb" from="bn" to="b" speed="13.89"/><edge id="bs" from="b" to="bs" speed="13.89"/>
<edge id="nc" from="cn" to="c" speed="13.89"/><edge id="cs" from="c" to="cs" speed="13.89"/></edges>"""
STOPS = """<additional><busStop id="S1" lane="ab_0" startPos="200" endPos="220"/>
<busStop id="S2" lane="bc_0" startPos="350" endPos="370"/><busStop id="S3" lane="cd_0" startPos="60" endPos="80"/>
</additional>"""


def demand(model="Krauss", stop="", bus_stops=None):
    bus_stops = bus_stops if bus_stops is not None else (
        f'<stop busStop="S1" duration="20"/><stop busStop="S2" duration="30" {stop}/><stop busStop="S3" duration="15"/>')
    return f"""<routes>
<vType id="bus" vClass="bus" carFollowModel="{model}" speedDev="0"/>
<vType id="car" carFollowModel="{model}" speedDev="0"/>
<route id="l" edges="ab bc cd"/><route id="n" edges="nb bs"/><route id="m" edges="nc cs"/>
<flow id="car" type="car" route="l" begin="0" end="3600" vehsPerHour="900" departLane="best" departSpeed="max"/>
<flow id="x" type="car" route="n" begin="0" end="3600" vehsPerHour="200" departSpeed="max"/>
<flow id="y" type="car" route="m" begin="0" end="3600" vehsPerHour="200" departSpeed="max"/>
<flow id="bus" type="bus" route="l" begin="10" end="3600" period="120" departLane="best" departSpeed="max">
{bus_stops}
</flow></routes>"""


def road(folder, **kinds):
    """A road with two signals and three bus stops: words for sim."""
    if shutil.which("netconvert") is None:
        raise Skip("the package sumo is not installed")
    (folder / "n.nod.xml").write_text(NODES)
    (folder / "n.edg.xml").write_text(EDGES)
    (folder / "s.add.xml").write_text(STOPS)
    (folder / "r.rou.xml").write_text(demand(**kinds))
    run("netconvert", "-n", folder / "n.nod.xml", "-e", folder / "n.edg.xml", "-o", folder / "n.net.xml",
        "--no-turnarounds")
    return ["--network", folder / "n.net.xml", "--demand", folder / "r.rou.xml", "--additional", folder / "s.add.xml"]


def means(path, kind):
    """Of the trips of one type over the whole road: mean of the attributes."""
    infos = [info for info in ElementTree.parse(path).getroot().iter("tripinfo")
             if info.get("vType") == kind and info.get("id")[0] not in "xy"]
    return {name: sum(float(info.get(name)) for info in infos) / len(infos)
            for name in ("duration", "waitingTime", "stopTime", "timeLoss")} | {"count": len(infos)}


@test
def buses_are_as_long_under_way_as_sumos(folder):
    if shutil.which("sumo") is None:
        raise Skip("the package sumo is not installed")
    for model in ("Krauss", "IDM"):
        for stop in ("", 'parking="true"'):
            words = road(folder, model=model, stop=stop)
            sim(*words, "--out", folder / "out")
            run("sumo", "-n", folder / "n.net.xml", "-r", folder / "r.rou.xml", "-a", folder / "s.add.xml",
                "--tripinfo-output", folder / "sumo.xml", "--no-step-log", "--duration-log.disable", "--default.speeddev", "0")
            for kind in ("bus", "car"):
                ours, theirs = means(folder / "out" / "tripinfo.xml", kind), means(folder / "sumo.xml", kind)
                assert ours["count"] == theirs["count"], (model, stop, kind, ours, theirs)
                assert abs(ours["duration"] / theirs["duration"] - 1.0) < 0.04, (model, stop, kind, ours, theirs)
                assert abs(ours["stopTime"] - theirs["stopTime"]) < 1.0, (model, stop, kind, ours, theirs)


@test
def bicycles_ride_on_their_lanes_as_sumos_do(folder):
    if shutil.which("sumo") is None:
        raise Skip("the package sumo is not installed")
    road(folder)
    (folder / "n.edg.xml").write_text(EDGES.replace('speed="13.89"/>', 'speed="13.89" bikeLaneWidth="1.5"/>'))
    run("netconvert", "-n", folder / "n.nod.xml", "-e", folder / "n.edg.xml", "-o", folder / "n.net.xml",
        "--no-turnarounds")
    kinds = (("bike", "bicycle", 120), ("car", "passenger", 900), ("rescue", "emergency", 20))
    (folder / "r.rou.xml").write_text('<routes><route id="l" edges="ab bc cd"/>' + "".join(
        f'<vType id="{name}" vClass="{kind}" speedDev="0"/><flow id="{name}" type="{name}" route="l" begin="0" end="3600" '
        f'vehsPerHour="{number}" departLane="best" departSpeed="max"/>' for name, kind, number in kinds) + "</routes>")
    sim("--network", folder / "n.net.xml", "--demand", folder / "r.rou.xml", "--out", folder / "out")
    run("sumo", "-n", folder / "n.net.xml", "-r", folder / "r.rou.xml", "--tripinfo-output", folder / "sumo.xml",
        "--no-step-log", "--duration-log.disable", "--default.speeddev", "0")
    for name, _, number in kinds:
        ours, theirs = means(folder / "out" / "tripinfo.xml", name), means(folder / "sumo.xml", name)
        assert ours["count"] == theirs["count"] == number, (name, ours, theirs)
        assert abs(ours["duration"] / theirs["duration"] - 1.0) < (0.08 if name == "rescue" else 0.04), (name, ours, theirs)


@test
def a_timetable_holds_a_bus(folder):
    # One bus every ten minutes, at the first stop until so many seconds after the flow's begin, plus its own departure.
    words = road(folder, bus_stops='<stop busStop="S1" duration="5" until="110"/>')
    sim(*words, "--out", folder / "out", "--fcd")
    gone = {}
    for row in csv.DictReader((folder / "out" / "fcd.csv").open()):
        time_s = float(row.get("time_s") or row.get("t_s"))
        at_stop = row["lane"] == "ab_0" and 198.0 < float(row["position_m"]) < 222.0
        if row["id"].startswith("bus.") and at_stop and float(row["speed_mps"]) < 0.1:
            gone[row["id"]] = max(gone.get(row["id"], 0.0), time_s)
    assert len(gone) >= 25, gone
    for name, time_s in gone.items():
        wanted = 110.0 + 120.0 * int(name.split(".")[1])
        assert time_s >= wanted - 0.01 or time_s < wanted - 60.0, (name, time_s, wanted)
    on_time = sum(abs(time_s - (110.0 + 120.0 * int(name.split(".")[1]))) < 3.0 for name, time_s in gone.items())
    assert on_time > 0.8 * len(gone), gone


@test
def a_malformed_stop_costs_its_trip_alone(folder):
    words = road(folder)
    line = demand().split("\n").index('<flow id="bus" type="bus" route="l" begin="10" end="3600" period="120" '
                                      'departLane="best" departSpeed="max">') + 1
    for stop, said in (('<stop busStop="nowhere" duration="5"/>', "nowhere"), ('<stop lane="zz_0" duration="5"/>', "zz_0"),
                       ('<stop lane="ab_7" duration="5"/>', "ab_7"), ('<stop duration="5"/>', "neither"),
                       ('<stop lane="ab_0" startPos="90" endPos="50" duration="5"/>', "startPos"),
                       ('<stop lane="ab_0" endPos="5000" duration="5"/>', "endPos"),
                       ('<stop busStop="S1" duration="soon"/>', "soon"), ('<stop busStop="S1" until="-5"/>', "negative"),
                       ('<stop lane="nb_0" duration="5"/>', "not on its way"),
                       ('<stop busStop="S2" duration="5"/><stop busStop="S1" duration="5"/>', "not on its way")):
        (folder / "r.rou.xml").write_text(demand(bus_stops=stop))
        _, told = run(INTERGREEN, "sim", *words, "--quiet", code=1)
        assert said in told and "r.rou.xml" in told and f"line {line}" in told, (stop, told)
        result = sim(*words, "--ignore-route-errors")
        assert result["trips_dropped"] > 0 and result["vehicles_arrived"] == 1300, (stop, result)
    for place in ('<busStop id="S9" lane="zz_0"/>', '<busStop id="S9" lane="ab_0" startPos="20" endPos="10"/>',
                  '<busStop lane="ab_0"/>', '<rerouter id="r" edges="ab"><interval begin="5" end="2"/></rerouter>',
                  '<rerouter id="r" edges="ab"><interval begin="0" end="9"><closingLaneReroute id="zz_0"/></interval></rerouter>'):
        (folder / "s.add.xml").write_text(f"<additional>\n{place}</additional>")
        _, told = run(INTERGREEN, "sim", *words, "--quiet", "--ignore-route-errors", code=1)
        assert "s.add.xml" in told and "line 2" in told, (place, told)


def seen_on(path, lane, begin_s, end_s):
    return {row["id"] for row in csv.DictReader(path.open())
            if row["lane"] == lane and begin_s <= float(row.get("time_s") or row.get("t_s")) < end_s}


@test
def a_closed_lane_stays_empty_until_it_opens(folder):
    words = road(folder, bus_stops="")
    (folder / "incidents").write_text("# an accident\nlane bc_0 closed from 600 to 1200\n")
    free = sim(*words)
    held = sim(*words, "--incidents", folder / "incidents", "--out", folder / "out", "--fcd")
    fcd = folder / "out" / "fcd.csv"
    assert len(seen_on(fcd, "bc_0", 400, 600)) > 10, "it was used before"
    assert not seen_on(fcd, "bc_0", 720, 1200), "somebody drives on it while it is closed"
    assert len(seen_on(fcd, "bc_0", 1205, 1500)) > 10, "it is not used again"
    assert held["vehicles_arrived"] == free["vehicles_arrived"] and held["average_delay_s"] > free["average_delay_s"] + 2
    (folder / "s.add.xml").write_text(STOPS.replace("</additional>", '<rerouter id="r" edges="ab"><interval begin="600" '
                                                    'end="1200"><closingLaneReroute id="bc_0"/></interval></rerouter>'
                                                    "</additional>"))
    sim(*words, "--out", folder / "sumo", "--fcd")
    assert (folder / "sumo" / "trips.csv").read_bytes() == (folder / "out" / "trips.csv").read_bytes(), "SUMO's rerouter"


@test
def a_closed_street_is_driven_round(folder):
    run("netgenerate", "--grid", "--grid.number", "4", "--grid.length", "200", "-o", folder / "g.net.xml")
    (folder / "g.rou.xml").write_text('<routes><flow id="f" begin="0" end="1200" vehsPerHour="300" from="A0B0" to="C0D0"/>'
                                      "</routes>")
    (folder / "incidents").write_text("link B0C0 closed from 300 to 900\n")
    words = ["--network", folder / "g.net.xml", "--demand", folder / "g.rou.xml"]
    free = sim(*words)
    round_it = sim(*words, "--incidents", folder / "incidents", "--out", folder / "out", "--fcd")
    assert free["detours"] == 0 and round_it["detours"] > 20, (free, round_it)
    assert round_it["vehicles_arrived"] == free["vehicles_arrived"] == 100, round_it
    assert not seen_on(folder / "out" / "fcd.csv", "B0C0_0", 330, 900)


@test
def a_malformed_incident_is_told_with_its_line(folder):
    words = road(folder)
    for line, said in (("lane zz_0 closed", "zz_0"), ("road bc closed", "road"), ("lane bc_0 shut", "closed"),
                       ("lane bc_0 closed from soon", "from"), ("lane bc_0 closed from 9 to 4", "'to'"),
                       ("lane bc_0 closed for balloons", "balloons"), ("link", "link"), ("lane bc_0 closed forever", "forever")):
        (folder / "incidents").write_text(f"# one\n{line}\n")
        _, told = run(INTERGREEN, "sim", *words, "--incidents", folder / "incidents", "--quiet", code=1)
        assert said in told and "line 2" in told, (line, told)


def crossing(folder):
    """A road with a signal for pedestrians alone, on call: words for sim."""
    if shutil.which("netconvert") is None:
        raise Skip("the package sumo is not installed")
    (folder / "p.nod.xml").write_text('<nodes><node id="a" x="0" y="0"/><node id="b" x="400" y="0" type="traffic_light"/>'
                                      '<node id="c" x="800" y="0"/></nodes>')
    (folder / "p.edg.xml").write_text("<edges>" + "".join(
        f'<edge id="{a}{b}" from="{a}" to="{b}" numLanes="2" speed="13.89" sidewalkWidth="2"/>'
        for a, b in ("ab", "ba", "bc", "cb")) + "</edges>")
    (folder / "p.con.xml").write_text('<connections><crossing node="b" edges="ab ba" priority="1"/></connections>')
    run("netconvert", "-n", folder / "p.nod.xml", "-e", folder / "p.edg.xml", "-x", folder / "p.con.xml", "-o",
        folder / "p.net.xml", "--no-turnarounds")
    (folder / "p.rou.xml").write_text('<routes><flow id="f" begin="0" end="3600" vehsPerHour="700" from="ab" to="bc" '
                                      'departLane="best"/><flow id="g" begin="0" end="3600" vehsPerHour="700" from="cb" '
                                      'to="ba" departLane="best"/></routes>')
    run(INTERGREEN, "import", folder / "p.net.xml", "-o", folder / "p.ig")
    run(INTERGREEN, "site", "export", "--network", folder / "p.ig", folder / "site")
    file = next((folder / "site").iterdir())
    text = file.read_text().replace("yellow_s: 0, red_clearance_s: 5}", "yellow_s: 0, red_clearance_s: 5, on_call: true}")
    assert "on_call" in text, text
    file.write_text(text)
    return ["--network", folder / "p.ig", "--site", folder / "site", "--demand", folder / "p.rou.xml", "--seconds", "3600"]


@test
def pedestrians_are_served_when_they_call(folder):
    words = crossing(folder)
    for control in ("actuated", "actuated-local", "max-pressure", "adaptive"):
        nobody = sim(*words, "--control", control)
        some = sim(*words, "--control", control, "--pedestrians-per-hour", "60")
        assert nobody["pedestrians_served"] == 0 and nobody["average_pedestrian_delay_s"] == 0, nobody
        assert some["pedestrians_served"] + some["pedestrians_waiting"] > 40 and some["pedestrians_waiting"] < 5, some
        assert some["worst_pedestrian_delay_s"] < 90.0, (control, some)
        assert nobody["average_delay_s"] < some["average_delay_s"], (control, "the stage is left out where nobody calls")
    program = sim(*words, "--control", "program", "--pedestrians-per-hour", "400")
    # 5 s of walk in a cycle of 90 s: r^2 / (2 c) with r = 85 s.
    assert abs(program["average_pedestrian_delay_s"] - 85.0 ** 2 / 180.0) < 3.0, program


@test
def calls_reach_the_brain_through_a_daemon(folder):
    words = crossing(folder) + ["--control", "adaptive", "--pedestrians-per-hour", "100"]
    sim(*words, "--out", folder / "near")
    with Daemon(folder, folder / "p.ig", site=folder / "site", strategy="adaptive") as daemon:
        far = sim(*words, "--out", folder / "far", "--daemon", daemon.address)
    assert far["pedestrians_served"] > 70, far
    assert (folder / "near" / "trips.csv").read_bytes() == (folder / "far" / "trips.csv").read_bytes()


@test
def threads_and_checkpoints_change_nothing(folder):
    words = road(folder, stop='parking="true"')
    (folder / "incidents").write_text("lane bc_0 closed from 600 to 1000\nlink nc closed from 1200 to 1300 for car\n")
    words += ["--incidents", folder / "incidents", "--pedestrians-per-hour", "50", "--control", "actuated"]
    sim(*words, "--out", folder / "one")
    sim(*words, "--out", folder / "three", "--threads", "3")
    whole = (folder / "one" / "trips.csv").read_bytes()
    assert (folder / "three" / "trips.csv").read_bytes() == whole
    for at_s in ("600", "601", "1250"):
        sim(*words, "--out", folder / "saved", "--save-checkpoint", folder / "c", "--checkpoint-at", at_s)
        sim(*words, "--out", folder / "loaded", "--load-checkpoint", folder / "c", "--threads", "2")
        for name in ("saved", "loaded"):
            assert (folder / name / "trips.csv").read_bytes() == whole, (at_s, name)
    (folder / "incidents").write_text("lane bc_1 closed from 600 to 1000\n")
    _, told = run(INTERGREEN, "sim", *words, "--load-checkpoint", folder / "c", "--out",
                  folder / "other", "--quiet", code=1)
    assert "incidents" in told, told


main()
