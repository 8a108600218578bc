"""Goal: what goes into a run and what comes out of it: sensors that lie, files that SUMO's own tools read, files of SUMO's
users that are broken, and the words on the terminal."""
import collections
import csv
import gzip
import os
import pathlib
import pty
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import harness
from harness import Daemon, INTERGREEN, Skip, data, run, sim, test

PYTHON = "/usr/bin/python3"                      # the one that sees Debian's packages
TOOLS = pathlib.Path("/usr/share/sumo/tools")


def city(folder, intersections=9):
    """A small generated city: (words for sim, its network)."""
    run(INTERGREEN, "generate", "--intersections", intersections, "--seed", "5", "-o", folder / "city")
    network, demand = folder / "city" / "network.ig", folder / "city" / "demand.ig"
    return ["--network", network, "--demand", demand, "--begin", "27000", "--seconds", "600"], network


@test
def lying_sensors_lie_the_same_through_a_daemon(folder):
    words, network = city(folder)
    (folder / "faults").write_text("loops */advance loss 0.2 miscount 0.2\nloops */stop chatter 0.1 delay 2 jitter 3\n"
                                   "both * dead every 300 for 30  # now and then\ncameras * noise 0.1\n")
    words += ["--control", "max-pressure", "--sensing", "camera,loops,edges", "--sensor-faults", folder / "faults",
              "--camera-miscount", "0.1"]
    here = sim(*words, "--out", folder / "near")
    assert here["sensor_readings_lost"] > 0 and here["sensor_readings_delayed"] > 0, here
    assert here["sensor_readings_altered"] > 0.05 * here["sensor_readings"], here
    with Daemon(folder, network) as daemon:
        far = sim(*words, "--out", folder / "far", "--daemon", daemon.address)
    assert here["sensor_readings_lost"] == far["sensor_readings_lost"], (here, far)
    trips = [(folder / name / "trips.csv").read_bytes() for name in ("near", "far")]
    assert trips[0] == trips[1], "the daemon's brain was told otherwise"
    true = sim(*words[:-4], "--out", folder / "true")
    assert (folder / "true" / "trips.csv").read_bytes() != trips[0], "the faults changed nothing"
    assert true["sensor_readings_lost"] == 0, true


@test
def five_lost_messages_of_a_hundred(folder):
    words, _ = city(folder)
    result = sim(*words, "--message-loss", "0.05")
    share = result["sensor_readings_lost"] / result["sensor_readings"]
    assert 0.045 < share < 0.055, share


@test
def a_wrong_fault_plan_is_told_with_its_line(folder):
    words, _ = city(folder)
    (folder / "faults").write_text("loops * loss 0.1\nloops * brokn\n")
    _, said = run(INTERGREEN, "sim", *words, "--sensor-faults", folder / "faults", code=2)
    assert "line 2" in said and "brokn" in said and "chatter" in said, said
    (folder / "faults").write_text("loops nobody/stop dead\n")
    _, said = run(INTERGREEN, "sim", *words, "--sensor-faults", folder / "faults", code=1)
    assert "nobody/stop" in said, said


def tool(name, *words):
    """One of SUMO's own tools: what it prints."""
    if not (TOOLS / name).exists():
        raise Skip("the package sumo-tools is not installed")
    environment = {**os.environ, "SUMO_HOME": str(TOOLS.parent)}
    done = subprocess.run([PYTHON, str(TOOLS / name), *[str(word) for word in words]], capture_output=True, text=True,
                          timeout=120, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def elements(path, name):
    return [element.attrib for element in ElementTree.parse(path).getroot().iter(name)]


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def near(value, expected, share, what=""):
    assert abs(float(value) - expected) <= share * abs(expected) + 1e-9, f"{what}: {value}, not {expected}"


@test
def sumos_tools_read_the_outputs_of_cologne(folder):
    result = sim("--network", data("cologne8/cologne8.sumocfg"), "--control", "max-pressure", "--out", folder / "out",
                 "--fcd", "--fcd-period", "10", "--seconds", "1800")
    out = folder / "out"
    arrived = result["vehicles_arrived"]
    said = tool("output/attributeStats.py", out / "tripinfo.xml", "-e", "tripinfo", "-a", "duration")
    assert f"count {arrived}," in said, said
    said = tool("output/attributeStats.py", out / "tripinfo.xml", "-e", "emissions", "-a", "CO2_abs")
    assert f"count {arrived}," in said, said
    said = tool("output/attributeStats.py", out / "summary.xml", "-e", "step", "-a", "meanSpeed")
    assert "count 1800," in said, said
    tool("xml/xml2csv.py", out / "fcd.xml", "-o", folder / "fcd.csv")
    ours, theirs = rows(out / "fcd.csv"), (folder / "fcd.csv").read_text().strip().split("\n")
    assert len(ours) == len(theirs) - 1 and len(ours) > 1000, (len(ours), len(theirs))
    tool("traceExporter.py", "--fcd-input", out / "fcd.xml", "-n", data("cologne8/cologne8.net.xml"), "--fzp-output",
         folder / "x.fzp")
    assert (folder / "x.fzp").stat().st_size > 10000


@test
def the_files_of_a_run_agree_with_one_another(folder):
    words, _ = city(folder)
    plain = sim(*words, "--control", "program")
    result = sim(*words, "--control", "program", "--out", folder / "out", "--fcd")
    out = folder / "out"
    for key in ("average_travel_time_s", "vehicles_arrived", "co2_kg", "fuel_l"):
        assert plain[key] == result[key], f"writing files changes {key}"
    trips, infos = rows(out / "trips.csv"), elements(out / "tripinfo.xml", "tripinfo")
    assert len(trips) == result["vehicles_scheduled"] and len(infos) == result["vehicles_arrived"]
    steps = elements(out / "summary.xml", "step")
    assert len(steps) == 600 and len(rows(out / "summary.csv")) == 600
    last = steps[-1]
    assert int(last["arrived"]) == result["vehicles_arrived"] and int(last["running"]) == result["vehicles_under_way"]
    assert int(last["loaded"]) == result["vehicles_scheduled"] and int(last["waiting"]) == result["vehicles_waiting"]
    near(last["meanTravelTime"], result["average_trip_duration_s"], 0.001, "mean trip duration")
    near(sum(float(trip["co2_g"] or 0) for trip in trips), 1000 * result["co2_kg"], 0.001, "CO2")
    near(sum(float(trip["fuel_l"] or 0) for trip in trips), result["fuel_l"], 0.001, "fuel")
    seen = collections.Counter(row["id"] for row in rows(out / "fcd.csv"))
    for info in infos:                           # in the street from its entry to the second before it arrived
        assert abs(seen[info["id"]] - float(info["duration"])) <= 1, (info, seen[info["id"]])
    intervals = elements(out / "detectors.xml", "interval")
    assert len(intervals) == 10 * len({interval["id"] for interval in intervals})
    assert all(0 <= float(interval["occupancy"]) <= 100 for interval in intervals)
    stop_lines = sum(int(interval["nVehContrib"]) for interval in intervals if interval["id"].endswith("/stop"))
    assert stop_lines > result["vehicles_arrived"], "every trip passes a stop line or more"


@test
def emissions_are_those_of_sumos_own_model(folder):
    if not pathlib.Path("/usr/bin/emissionsDrivingCycle").exists():
        raise Skip("the package sumo is not installed")
    words, _ = city(folder)
    sim(*words, "--control", "program", "--out", folder / "out", "--fcd", "--begin", "27000", "--seconds", "300")
    speeds = collections.defaultdict(list)
    for row in rows(folder / "out" / "fcd.csv"):
        speeds[row["id"]].append(float(row["speed_mps"]))
    cars = [trip for trip in rows(folder / "out" / "trips.csv") if trip["arrived_s"] and trip["type"] == "car"][:40]
    assert len(cars) == 40, "too few cars arrived"
    lines, ours = [], 0.0
    for trip in cars:
        way = speeds[trip["id"]]
        for i, speed in enumerate(way + way[-1:]):
            before = way[max(0, i - 1)] if i < len(way) else speed
            lines.append(f"{len(lines)};{speed};{speed - before}")
        ours += float(trip["co2_g"])
    (folder / "line.csv").write_text("\n".join(lines) + "\n")
    run("emissionsDrivingCycle", "-t", folder / "line.csv", "-e", "HBEFA3/PC_G_EU4", "-o", folder / "line.out")
    theirs = sum(float(line.split(";")[5]) for line in (folder / "line.out").read_text().strip().split("\n")) / 1000.0
    near(ours, theirs, 0.01, "CO2 of forty cars, g")


@test
def floating_cars_of_some_links_in_a_box(folder):
    words, _ = city(folder)
    sim(*words, "--out", folder / "all", "--fcd", "--fcd-period", "5")
    everywhere = rows(folder / "all" / "fcd.csv")
    assert {float(row["time_s"]) % 5 for row in everywhere} == {0.0}
    link = next(row["lane"] for row in everywhere if not row["lane"].startswith(":")).rsplit("_", 1)[0]
    sim(*words, "--out", folder / "some", "--fcd-links", link, "--fcd-period", "5")
    some = rows(folder / "some" / "fcd.csv")
    assert some and all(row["lane"].startswith((link + "_", ":")) for row in some), link
    xs = sorted(float(row["x_m"]) for row in everywhere)
    middle = xs[len(xs) // 2] + 0.5
    sim(*words, "--out", folder / "box", "--fcd-box", f"{xs[0]},-1e9,{middle},1e9", "--fcd-period", "5")
    box = rows(folder / "box" / "fcd.csv")
    near(len(box), sum(float(row["x_m"]) <= middle for row in everywhere), 0.01, "vehicles in the box")
    assert all(float(row["x_m"]) <= middle + 0.01 for row in box)
    _, said = run(INTERGREEN, "sim", *words, "--out", folder / "none", "--fcd-links", "no-such-link", code=1)
    assert "no-such-link" in said, said
    run(INTERGREEN, "sim", *words, "--out", folder / "none", "--fcd-box", "1,2,3", code=2)


def grid(folder):
    """A grid of three by three signals by netgenerate, with 300 trips along its rows and columns."""
    if not pathlib.Path("/usr/bin/netgenerate").exists():
        raise Skip("the package sumo is not installed")
    run("netgenerate", "--grid", "--grid.number", "3", "--grid.length", "200", "--grid.attach-length", "150", "-L", "2",
        "-j", "traffic_light", "-o", folder / "grid.net.xml")
    edges = {edge["id"]: edge for edge in elements(folder / "grid.net.xml", "edge") if "function" not in edge}
    ends = [name for name, edge in edges.items() if not edge["from"][0] in "ABC" or len(edge["from"]) > 2]
    exits = [name for name, edge in edges.items() if len(edge["to"]) > 2]
    trips = [f'<trip id="t{i}" depart="{2 * i}" from="{ends[i % len(ends)]}" to="{exits[(5 * i + 3) % len(exits)]}"/>'
             for i in range(300)]
    (folder / "trips.xml").write_text("<routes>\n" + "\n".join(trips) + "\n</routes>\n")
    return edges


@test
def a_configuration_of_packed_files_in_folders_runs(folder):
    grid(folder)
    (folder / "sub").mkdir()
    for name in ("grid.net.xml", "trips.xml"):
        with gzip.open(folder / "sub" / (name + ".gz"), "wb") as file:
            file.write((folder / name).read_bytes())
    (folder / "types.add.xml").write_text('<additional><vType id="lorry" vClass="truck"/><inductionLoop id="here" '
                                          'lane="A0B0_0" pos="-15" freq="60" file="x"/></additional>')
    (folder / "more.rou.xml").write_text('<routes><flow id="f" type="lorry" begin="0:00:10" end="600" vehsPerHour="120" '
                                         'from="A0B0" to="B0C0"/><person id="p" depart="1"/></routes>')
    (folder / "day.sumocfg").write_text('<configuration><input><net-file value="sub/grid.net.xml.gz"/><route-files '
                                        'value="sub/trips.xml.gz , more.rou.xml"/><additional-files '
                                        'value="types.add.xml"/></input><time><begin value="60"/></time>'
                                        '</configuration>')
    packed = sim("--network", folder / "day.sumocfg", "--control", "program", "--out", folder / "out")
    # Of 300 trips 30 depart before 60 s, of 20 lorries (10, 40, 70 ...) two. No end is named: all arrive, as with SUMO.
    assert packed["vehicles_scheduled"] == packed["vehicles_arrived"] == 270 + 18, packed
    assert packed["trips_before_begin"] == 32 and packed["begin_s"] == 60, packed
    assert packed["simulated_s"] < 3600, packed
    assert any(interval["id"] == "here" for interval in elements(folder / "out" / "detectors.xml", "interval"))
    plain = sim("--network", folder / "grid.net.xml", "--demand",
                f"{folder / 'trips.xml'},{folder / 'more.rou.xml'}", "--additional", folder / "types.add.xml",
                "--begin", "60", "--control", "program")
    assert plain["average_travel_time_s"] == packed["average_travel_time_s"], (plain, packed)


@test
def vehicles_inside_a_junction_are_on_the_inner_lanes_of_sumo(folder):
    """At signals, by the network's own `via`: from which link to which link decides which lanes it may be."""
    grid(folder)
    sim("--network", folder / "grid.net.xml", "--demand", folder / "trips.xml", "--control", "program", "--out",
        folder / "out", "--fcd", "--seconds", "600")
    vias = {}
    for way in elements(folder / "grid.net.xml", "connection"):
        if "tl" in way.keys() and "via" in way.keys():
            vias.setdefault((way["from"], way["to"]), set()).add(way["via"])
    known, checked, last = set().union(*vias.values()), 0, {}
    signals = {name[1:].rsplit("_", 2)[0] for name in known}
    for row in rows(folder / "out" / "fcd.csv"):
        if row["lane"].startswith(":") and row["lane"][1:].rsplit("_", 2)[0] in signals:
            assert row["lane"] in known, row
        before, inside = last.get(row["id"], (None, None))
        if row["lane"].startswith(":"):
            last[row["id"]] = (before, row["lane"])
        else:
            link = row["lane"].rsplit("_", 1)[0]
            if inside and (before, link) in vias:
                assert inside in vias[before, link], (before, inside, link)
                checked += 1
            last[row["id"]] = (link, None)
    assert checked > 100, checked


@test
def area_detectors_see_what_drives_over_them(folder):
    grid(folder)
    (folder / "areas.add.xml").write_text('<additional><laneAreaDetector id="A" lane="A0B0_1" pos="80" endPos="-1" '
                                          'freq="60" file="x"/><inductionLoop id="L" lane="A0B0_0" pos="-5" freq="60" '
                                          'file="x"/></additional>')
    sim("--network", folder / "grid.net.xml", "--demand", folder / "trips.xml", "--additional", folder / "areas.add.xml",
        "--control", "program", "--out", folder / "out", "--fcd", "--seconds", "600")
    intervals = elements(folder / "out" / "areas.xml", "interval")
    assert [interval["id"] for interval in intervals] == ["A"] * 10, intervals
    over = collections.Counter()                 # vehicles over the area, by second
    halting, who = collections.Counter(), collections.defaultdict(set)
    for row in rows(folder / "out" / "fcd.csv"):
        if row["lane"] == "A0B0_1" and float(row["position_m"]) > 80:   # up to the lane's end
            over[int(float(row["time_s"]))] += 1
            if float(row["speed_mps"]) < 5 / 3.6:
                halting[int(float(row["time_s"]))] += 1
                who[int(float(row["time_s"]))].add(row["id"])
    assert sum(over.values()) > 100 and sum(halting.values()) > 10, "too little to see"
    for k, interval in enumerate(intervals):
        seconds = range(60 * k + 1, 60 * k + 61)
        near(interval["sampledSeconds"], sum(over[second] for second in seconds), 0.01, f"interval {k}")
        near(interval["jamLengthInVehiclesSum"], sum(halting[second] for second in seconds), 0.01, f"interval {k}")
        halted = len(set().union(*(who[second] for second in seconds)))
        near(float(interval["meanIntervalHaltingDuration"]) * halted, float(interval["intervalHaltingDurationSum"]), 0.01,
             f"interval {k}: over those who halted")
        assert int(interval["maxVehicleNumber"]) == max(over[second] for second in seconds), (k, interval)
        assert 0 <= float(interval["meanOccupancy"]) <= float(interval["maxOccupancy"]) <= 100, interval
    entered, left = (sum(int(interval[key]) for interval in intervals) for key in ("nVehEntered", "nVehLeft"))
    assert entered - left == over[600] and entered > 10, (entered, left)
    assert len(rows(folder / "out" / "areas.csv")) == 10
    loops = {interval["id"] for interval in elements(folder / "out" / "detectors.xml", "interval")}
    assert "L" in loops and "A" not in loops, loops


@test
def a_road_and_a_loop_as_sumo_measures_them(folder):
    """A road of 500 m, one vehicle each 7 s at 13.89 m/s, all 5 m long: the way ends where the road does, and a point is
    covered for 5 m of each. Nobody hinders anybody, so that all is known without SUMO."""
    if shutil.which("netconvert") is None:
        raise Skip("there is no netconvert")
    (folder / "n.nod.xml").write_text('<nodes><node id="a" x="0" y="0"/><node id="b" x="500" y="0"/></nodes>')
    (folder / "n.edg.xml").write_text('<edges><edge id="ab" from="a" to="b" numLanes="1" speed="13.89"/></edges>')
    run("netconvert", "-X", "never", "-n", folder / "n.nod.xml", "-e", folder / "n.edg.xml", "-o", folder / "n.net.xml")
    (folder / "r.rou.xml").write_text(
        '<routes><vType id="t" length="5" sigma="0" speedDev="0"/>' + "".join(
            f'<vehicle id="v{i}" type="t" depart="{7 * i}" departSpeed="max"><route edges="ab"/></vehicle>'
            for i in range(100)) + "</routes>")
    (folder / "l.add.xml").write_text('<additional><inductionLoop id="L" lane="ab_0" pos="300" length="0" freq="720" '
                                      'file="x"/></additional>')
    sim("--network", folder / "n.net.xml", "--demand", folder / "r.rou.xml", "--additional", folder / "l.add.xml",
        "--control", "program", "--begin", "0", "--seconds", "720", "--detector-period", "720", "--out", folder / "out")
    trips = elements(folder / "out" / "tripinfo.xml", "tripinfo")
    assert len(trips) > 90, trips
    for trip in trips:
        near(trip["routeLength"], 495.0, 0.0001, "from where its front is when its rear is in, to where the road ends")
    loop = next(row for row in elements(folder / "out" / "detectors.xml", "interval") if row["id"] == "L")
    near(loop["occupancy"], 100 * 100 * 5 / 13.89 / 720, 0.015, "the share of time that the point is covered")
    near(loop["length"], 5.0, 0.015, "the length found")


@test
def packed_files_that_are_cut_are_told(folder):
    grid(folder)
    packed = gzip.compress((folder / "trips.xml").read_bytes())
    (folder / "cut.gz").write_bytes(packed[: len(packed) // 2])
    _, said = run(INTERGREEN, "sim", "--network", folder / "grid.net.xml", "--demand", folder / "cut.gz", code=1)
    assert "cut.gz" in said and "compressed" in said, said


@test
def a_bad_trip_is_told_with_file_line_and_remedy_and_costs_only_itself(folder):
    edges = grid(folder)
    apart = next(name for name in edges if name not in ("A0B0", "B0C0") and edges[name]["from"] != edges["A0B0"]["to"])
    bad = {
        "an edge that is not there": ('<vehicle id="x" depart="5"><route edges="A0B0 nowhere"/></vehicle>', "nowhere"),
        "edges that do not touch": (f'<vehicle id="x" depart="5"><route edges="A0B0 {apart}"/></vehicle>', apart),
        "a negative departure": ('<trip id="x" depart="-5" from="A0B0" to="B0C0"/>', "negative"),
        "a type that is not there": ('<trip id="x" depart="5" type="ufo" from="A0B0" to="B0C0"/>', "ufo"),
        "no departure": ('<trip id="x" from="A0B0" to="B0C0"/>', "depart"),
        "a lane that is not there": ('<trip id="x" depart="5" departLane="7" from="A0B0" to="B0C0"/>', "lane"),
    }
    good = '<trip id="good" depart="1" from="A0B0" to="B0C0"/>'
    for what, (line, word) in bad.items():
        (folder / "bad.rou.xml").write_text(f"<routes>\n{good}\n{line}\n</routes>\n")
        words = ["--network", folder / "grid.net.xml", "--demand", folder / "bad.rou.xml"]
        _, said = run(INTERGREEN, "sim", *words, code=1)
        assert "bad.rou.xml: line 3" in said and word in said and "--ignore-route-errors" in said, (what, said)
        result = sim(*words, "--ignore-route-errors")
        assert result["vehicles_scheduled"] == 1 and result["trips_dropped"] == 1, (what, result)
        _, said = run(INTERGREEN, "sim", *words, "--ignore-route-errors")
        assert "line 3" in said and "1 of 2 trips are dropped" in said, (what, said)
    (folder / "bad.rou.xml").write_text(f"<routes>\n{good}\n<trip id=\"x\"\n</routes>\n")
    words = ["--network", folder / "grid.net.xml", "--demand", folder / "bad.rou.xml", "--ignore-route-errors"]
    _, said = run(INTERGREEN, "sim", *words, code=1)
    assert "bad.rou.xml: line 4" in said, said


@test
def nothing_that_is_not_computed_is_passed_over_in_silence(folder):
    grid(folder)
    (folder / "odd.add.xml").write_text('<additional>\n<vaporizer id="A0B0" begin="0" end="9"/>\n'
                                        '<inductionLoop id="far" lane="A0B0_0" pos="9999" freq="60" file="x"/>\n'
                                        '<laneAreaDetector id="long" lanes="A0B0_0 B0C0_0" pos="5" endPos="9" freq="60" '
                                        'file="x"/>\n<inductionLoop id="good" lane="A0B0_0" pos="-9" freq="60" file="x"/>'
                                        '\n<laneAreaDetector id="fits" lane="A0B0_0" pos="-50" endPos="-9" freq="60" '
                                        'file="x"/>\n</additional>')
    words = ["--network", folder / "grid.net.xml", "--demand", folder / "trips.xml", "--additional",
             folder / "odd.add.xml"]
    _, said = run(INTERGREEN, "sim", *words)
    assert "odd.add.xml: line 2: <vaporizer> is passed over" in said, said
    assert "odd.add.xml: line 3: detector 'far' does not lie" in said, said
    assert "odd.add.xml: line 4: of the 2 lanes of detector 'long'" in said, said
    assert "'good'" not in said and "'fits'" not in said, said
    (folder / "odd.add.xml").write_text('<additional>\n<tlLogic id="B1" programID="x" type="static" offset="0">'
                                        '<phase duration="9" state="rr"/></tlLogic></additional>')
    _, said = run(INTERGREEN, "sim", *words, code=1)
    assert "odd.add.xml: line 2: the states of 'B1' have 2 letters" in said, said
    (folder / "none.rou.xml").write_text("<routes/>")
    _, said = run(INTERGREEN, "sim", "--network", folder / "grid.net.xml", "--demand", folder / "none.rou.xml")
    assert "holds no trips" in said, said
    _, said = run(INTERGREEN, "sim", "--demand", folder / "trips.xml", code=2)
    assert "--network is missing" in said, said


@test
def progress_is_plain_lines_where_there_is_no_terminal(folder):
    grid(folder)
    words = ["--network", folder / "grid.net.xml", "--demand", folder / "trips.xml"]
    _, said = run(INTERGREEN, "sim", *words)
    assert "\r" not in said and said.count("[####################]") == 1 and "x real time" in said, said
    _, said = run(INTERGREEN, "sim", *words, "--quiet")
    assert said == "", said


def on_a_terminal(*words):
    """A program whose standard error is a terminal: what it drew there."""
    outer, inner = pty.openpty()
    with subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=inner) as process:
        os.close(inner)
        drawn = b""
        while True:
            try:
                piece = os.read(outer, 65536)
            except OSError:                      # the terminal is gone with the program
                break
            if not piece:
                break
            drawn += piece
        assert process.wait(timeout=60) == 0, drawn
    os.close(outer)
    return drawn.decode()


@test
def progress_is_a_bar_on_a_terminal(folder):
    drawn = on_a_terminal(INTERGREEN, "generate", "--intersections", "60", "--seed", "1", "-o", folder / "city")
    assert "\r" in drawn and "generate" in drawn and "####] done" in drawn, drawn
    drawn = on_a_terminal(INTERGREEN, "sim", "--network", folder / "city" / "network.ig", "--demand",
                          folder / "city" / "demand.ig", "--seconds", "14400", "--control", "program")
    assert drawn.count("\r") >= 2 and "x real time" in drawn and "left" in drawn, drawn
    assert drawn.rstrip().split("\r")[-1].count("#") == 20, drawn


if __name__ == "__main__":
    harness.main()
