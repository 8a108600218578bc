"""Goal: whatever a network, a demand, an additional file or site data have become, the program ends by itself: done, or with one
sentence that names the file and the place. No crash, no sanitizer's report, no hang. The files are made here, by SUMO's
netgenerate and our own generator, and broken in the same way each time.

By hand, for longer: INTERGREEN_BROKEN=COUNT (cases of each kind) and INTERGREEN_BROKEN_SEED=N.
"""
import json
import os
import pathlib
import random
import re
import resource
import shutil
import subprocess

import harness
from cityflow_mock import roadnet
from harness import ROOT, Skip, run, test
from mutants import broken_bytes, broken_json, broken_xml, broken_yaml

CASES = int(os.environ.get("INTERGREEN_BROKEN", "8"))
SEED = int(os.environ.get("INTERGREEN_BROKEN_SEED", "1"))
CPU_S = 20                                                    # of one case; a whole file takes a tenth of a second
CHECKED = ROOT / os.environ.get("BUILD_ASAN", "build-asan") / "intergreen"
PROGRAM = str(CHECKED if CHECKED.exists() else harness.INTERGREEN)
REPORT = re.compile(r"runtime error:|Sanitizer|Assertion|terminate called")
PLACE = re.compile(r"line \d+|\$|[\[\]]|\"[^\"]*\"|'[^']*'|`[^`]*`|byte|bytes|at offset|:")


def limits():
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def judge(words, broken, code=(0, 1)):
    environment = {**os.environ, "ASAN_OPTIONS": "hard_rss_limit_mb=4000:detect_leaks=1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, timeout=300, stdin=subprocess.DEVNULL, check=False,
                          preexec_fn=limits, env=environment)
    said = done.stderr.decode(errors="replace")
    assert done.returncode in code, f"exit {done.returncode}: {said[-3000:]}"
    assert not REPORT.search(said), said[-3000:]
    if done.returncode == 1:
        sentence = said.strip().split("\n")[-1]
        assert re.match(r"intergreen( \w+)?: ", sentence), sentence
        if not sentence.startswith("intergreen: calibration: "):                # names the type, which may be of any file
            assert broken.name in sentence and PLACE.search(sentence.split(broken.name, 1)[1]), sentence
        assert len(sentence) < 1000, sentence


def cases(folder, name, whole, breakers, words, code=(0, 1)):
    """Breaks a file CASES times, each breaker in turn; `words` are the command of a broken one."""
    data = pathlib.Path(whole).read_bytes()
    judge(words(pathlib.Path(whole)), pathlib.Path(whole), (0,))
    suffix = "".join(pathlib.Path(whole).suffixes)
    for number in range(CASES):
        draw = random.Random(f"{name} {SEED} {number}")
        breaker = breakers[number % len(breakers)]
        broken = folder / f"broken{suffix}"
        broken.write_bytes(breaker(data, draw) if breaker is broken_bytes
                           else breaker(data.decode(), draw).encode(errors="surrogateescape"))
        try:
            judge(words(broken), broken, code)
        except (AssertionError, subprocess.TimeoutExpired):
            kept = pathlib.Path(os.environ.get("INTERGREEN_BROKEN_KEEP", "/tmp")) / f"broken-{name}-{SEED}-{number}{suffix}"
            shutil.copy(broken, kept)
            print(f"# {name}: seed {SEED}, case {number}: kept as {kept}", flush=True)
            raise


def netgenerate(folder, *words):
    if shutil.which("netgenerate") is None:
        raise Skip("netgenerate (package sumo) is not installed")
    path = folder / "town.net.xml"
    subprocess.run(["netgenerate", *words, "--seed", "7", "-o", str(path)], check=True, capture_output=True)
    path.write_text(re.sub(r"<!--.*?-->\s*", "", path.read_text(), flags=re.S))     # its own configuration, as a comment
    return path


def grid(folder):
    return netgenerate(folder, "--grid", "--grid.number", "2", "--grid.length", "150", "--grid.attach-length", "100",
                       "--default.lanenumber", "2", "--default-junction-type", "traffic_light",
                       "--sidewalks.guess", "--crossings.guess")


EDGES = ["left0A0", "A0B0", "bottom0A0", "B0right0"]           # an entry, on, another entry, an exit


ROUTES = """<routes>
    <vType id="car" length="4.8" accel="2.4" decel="4.2" sigma="0.4" tau="1.1" maxSpeed="40" speedFactor="normc(1.0,0.1,0.5,1.5)"/>
    <vType id="bus" vClass="bus"><carFollowing-IDM tau="1.4"/><param key="startLoss" value="1.5"/></vType>
    <vTypeDistribution id="mixed"><vType id="van" vClass="delivery" probability="0.3"/><vType refId="car" probability="0.7"/>
    </vTypeDistribution>
    <routeDistribution id="ways"><route id="r1" edges="@0 @1" probability="1"/><route id="r2" edges="@2 @1 @3" probability="2"/>
    </routeDistribution>
    <route id="line" edges="@2 @1" repeat="0"><stop lane="@2_1" startPos="10" endPos="40" duration="5" until="30"/></route>
    <vehicle id="v0" type="bus" depart="0" route="line" departLane="best" departSpeed="max" departPos="base"/>
    <trip id="t0" type="mixed" depart="1.5" from="@0" to="@3" via="@1" departLane="random" departPos="random"/>
    <flow id="f0" type="mixed" begin="0" end="20" period="2" route="ways" departPos="5" arrivalPos="max"/>
    <flow id="f1" begin="0" end="20" vehsPerHour="900" from="@2" to="@3" departSpeed="desired"/>
    <flow id="f2" begin="0" number="4" period="exp(0.5)" from="@2" to="@3"><stop busStop="halt" duration="3"/></flow>
    <interval begin="0" end="30"><flow id="f3" probability="0.2" from="@0" to="@3"/></interval>
    <person id="p" depart="0"><walk edges="@0"/></person>
</routes>
"""
ADDITIONAL = """<additional>
    <inductionLoop id="l0" lane="@0_1" pos="-10" period="60" file="NUL"/>
    <inductionLoop id="l1" lane="@1_1" pos="20" period="60" file="NUL"/>
    <laneAreaDetector id="a0" lane="@2_1" pos="5" endPos="50" period="60" file="NUL"/>
    <busStop id="halt" lane="@1_1" startPos="10" endPos="40" friendlyPos="true"/>
    <parkingArea id="park" lane="@2_1" startPos="10" endPos="40" roadsideCapacity="3"/>
    <vType id="late" vClass="truck"/>
    <rerouter id="x" edges="@0"><interval begin="5" end="10"><closingReroute id="@3"/></interval></rerouter>
    <tlLogic id="@J" type="static" programID="other" offset="3">@P</tlLogic>
</additional>
"""


def filled(text, net):
    for number, edge in enumerate(EDGES):
        assert f'<edge id="{edge}"' in net.read_text(), edge
        text = text.replace(f"@{number}", edge)
    logic = re.search(r'<tlLogic id="(\w+)"[^>]*>(.*?)</tlLogic>', net.read_text(), re.S)
    return text.replace("@J", logic[1]).replace("@P", logic[2])


def town(folder):
    net = grid(folder)
    (folder / "town.rou.xml").write_text(filled(ROUTES, net))
    (folder / "town.add.xml").write_text(filled(ADDITIONAL, net))
    return net, folder / "town.rou.xml", folder / "town.add.xml"


def drive(net, demand, *words, control="max-pressure"):
    return ["sim", "--network", net, "--demand", demand, "--control", control, "--seconds", "8", "--quiet", *words]


@test
def sumo_networks(folder):
    net, routes, _ = town(folder)
    routes.write_text("<routes><vType id='car'/></routes>")
    cases(folder, "net", net, [broken_xml, broken_xml, broken_xml, broken_bytes],
          lambda broken: drive(broken, routes, "--ignore-route-errors"))


@test
def sumo_routes(folder):
    net, routes, more = town(folder)
    cases(folder, "routes", routes, [broken_xml, broken_xml, broken_xml, broken_bytes],
          lambda broken: drive(net, broken, "--additional", more, control="program"))
    cases(folder, "routes-forgiven", routes, [broken_xml, broken_xml, broken_xml, broken_bytes],
          lambda broken: drive(net, broken, "--additional", more, "--ignore-route-errors", control="program"))


@test
def additional_files(folder):
    net, routes, more = town(folder)
    cases(folder, "additional", more, [broken_xml, broken_xml, broken_xml, broken_bytes],
          lambda broken: drive(net, routes, "--additional", broken, "--ignore-route-errors"))


@test
def cityflow_files(folder):
    net = roadnet(folder)
    flow = folder / "flow.json"
    roads = [road["id"] for road in json.loads(net.read_text())["roads"]]
    link = next(node for node in json.loads(net.read_text())["intersections"] if node["roadLinks"])["roadLinks"][0]
    assert link["startRoad"] in roads
    vehicle = {"length": 5.0, "width": 2.0, "maxPosAcc": 2.0, "maxNegAcc": 4.5, "usualPosAcc": 2.0, "usualNegAcc": 4.5,
               "minGap": 2.5, "maxSpeed": 16.7, "headwayTime": 1.5}
    flow.write_text(json.dumps([{"vehicle": vehicle, "route": [link["startRoad"], link["endRoad"]], "interval": 2.0,
                                 "startTime": 0, "endTime": 20}] * 3))
    cases(folder, "roadnet", net, [broken_json, broken_json, broken_json, broken_bytes],
          lambda broken: drive(broken, flow, "--ignore-route-errors"))
    cases(folder, "flow", flow, [broken_json, broken_json, broken_json, broken_bytes], lambda broken: drive(net, broken))


@test
def our_own_files(folder):
    run(harness.INTERGREEN, "generate", "--intersections", "4", "--seed", "5", "-o", folder / "city")
    net, demand = folder / "city" / "network.ig", folder / "city" / "demand.ig"
    cases(folder, "network-ig", net, [broken_bytes], lambda broken: drive(broken, demand, "--begin", "28800"))
    cases(folder, "demand-ig", demand, [broken_bytes], lambda broken: drive(net, broken, "--begin", "28800"))


@test
def site_data(folder):
    net = grid(folder)
    run(harness.INTERGREEN, "import", net, "-o", folder / "town.ig")
    run(harness.INTERGREEN, "site", "export", "--network", folder / "town.ig", folder / "site")
    whole = sorted((folder / "site").glob("*.yaml"))[0]
    kept = folder / whole.name
    shutil.copy(whole, kept)

    def words(broken):
        shutil.copy(broken, whole)
        return ["site", "check", "--network", folder / "town.ig", folder / "site"]

    data = kept.read_text()
    judge(words(kept), whole, (0, 1))
    whole.write_text("[ " * 100_000)                          # the time for a token must not grow with the depth
    judge(["site", "check", "--network", folder / "town.ig", folder / "site"], whole, (1,))
    for number in range(CASES):
        draw = random.Random(f"site {SEED} {number}")
        whole.write_bytes(broken_bytes(data.encode(), draw) if number % 4 == 3 else broken_yaml(data, draw).encode())
        try:
            judge(["site", "check", "--network", folder / "town.ig", folder / "site"], whole)
        except (AssertionError, subprocess.TimeoutExpired):
            shutil.copy(whole, f"/tmp/broken-site-{SEED}-{number}.yaml")
            raise


NODES = """<nodes><node id="w" x="-200" y="0"/><node id="c" x="0" y="0" type="rail_crossing"/><node id="e" x="200" y="0"/>
<node id="n" x="0" y="200"/><node id="s" x="0" y="-200"/><node id="a" x="700" y="0"/><node id="b" x="1200" y="0"/>
<node id="r" x="400" y="-150"/><node id="t" x="1000" y="-150"/></nodes>"""
EDGES_TEXT = """<edges><edge id="wc" from="w" to="c"/><edge id="ce" from="c" to="e"/><edge id="ns" from="n" to="c" allow="rail"/>
<edge id="cs" from="c" to="s" allow="rail"/><edge id="ea" from="e" to="a" numLanes="2" speed="30" priority="9"/>
<edge id="ab" from="a" to="b" numLanes="2" speed="30" priority="9"/><edge id="ramp" from="r" to="a" speed="20"/></edges>"""


@test
def what_is_not_modelled_is_said_and_drives_all_the_same(folder):
    """Networks of old versions, rail crossings, on-ramps."""
    if shutil.which("netconvert") is None:
        raise Skip("netconvert (package sumo) is not installed")
    (folder / "n.nod.xml").write_text(NODES)
    (folder / "n.edg.xml").write_text(EDGES_TEXT)
    net = folder / "rail.net.xml"
    subprocess.run(["netconvert", "-n", folder / "n.nod.xml", "-e", folder / "n.edg.xml", "--ramps.guess", "-o", net], check=True,
                   capture_output=True)
    routes = folder / "rail.rou.xml"
    routes.write_text("""<routes><vType id="train" vClass="rail"/><flow id="f" from="wc" to="ab" begin="0" end="60" period="4"/>
        <flow id="g" from="ramp" to="ab" begin="0" end="60" period="5"/>
        <trip id="x" type="train" depart="5" from="ns" to="cs"/></routes>""")
    text = net.read_text()
    for version, said in ((' version="1.9"', False), ("", True), (' version="0.13"', True), (' version="0.27"', True)):
        net.write_text(re.sub(r'(<net)[^>]*?( junction)', rf"\1{version}\2", text, count=1))
        report = "".join(run(PROGRAM, "import", net, "-o", folder / "rail.ig"))
        assert ("netconvert -s" in report) == said, report
        assert "1 rail crossings have no gates" in report and "acceleration lanes are lanes like others" in report, report
        numbers = harness.sim("--network", net, "--demand", routes, "--seconds", "400", "--control", "program")
        assert numbers["vehicles_scheduled"] == numbers["vehicles_arrived"] == 28, numbers


if __name__ == "__main__":
    harness.main()
