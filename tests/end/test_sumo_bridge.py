"""Goal: the SUMO bridge closes real SUMO around the daemon and judges it: `program` through the daemon is SUMO's own result to
the digit, a run repeats, cameras and loops are taken without refusal, and what it shows keeps every intergreen.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import xml.etree.ElementTree as xml

from harness import DATA, ROOT, Daemon, Skip, main, run, test

sys.path.insert(0, str(ROOT / "clients"))
BRIDGE = ROOT / "clients" / "sumo_bridge.py"
DEBIAN_PACKAGES = "/usr/lib/python3/dist-packages"
SECONDS = 300


def needs_sumo():
    if shutil.which("netgenerate") is None:
        raise Skip("netgenerate (package sumo) is not installed")
    sys.path.append(DEBIAN_PACKAGES)
    try:
        import libsumo                                         # noqa: F401
    except ImportError:
        raise Skip("libsumo (package sumo-tools) is not installed: NOTHING of the SUMO bridge was tested") from None


def small_town(folder):
    """Four crossings with turning lanes, and traffic across in all directions."""
    needs_sumo()
    net = folder / "town.net.xml"
    subprocess.run(["netgenerate", "--grid", "--grid.number", "2", "--grid.length", "150", "--grid.attach-length", "150",
                    "--default.lanenumber", "2", "--turn-lanes", "1", "--tls.set", "A0,A1,B0,B1", "-o", str(net)],
                   check=True, capture_output=True)
    edges = [edge for edge in xml.parse(net).getroot().iter("edge") if edge.get("function") != "internal"]
    inner = {"A0", "A1", "B0", "B1"}
    into = sorted(edge.get("id") for edge in edges if edge.get("from") not in inner)
    out_of = sorted(edge.get("id") for edge in edges if edge.get("to") not in inner)
    with open(folder / "town.rou.xml", "w", encoding="utf-8") as routes:
        routes.write("<routes>\n")
        for i, start in enumerate(into):
            goal = out_of[(5 * i + 3) % len(out_of)]
            routes.write(f'<flow id="f{i}" begin="0" end="{SECONDS}" probability="{0.10 + 0.03 * (i % 3)}" from="{start}" '
                         f'to="{goal}" departLane="best" departSpeed="max"/>\n')
        routes.write("</routes>\n")
    config = folder / "town.sumocfg"
    config.write_text('<configuration><input><net-file value="town.net.xml"/><route-files value="town.rou.xml"/></input>'
                      f'<time><begin value="0"/><end value="{SECONDS}"/></time></configuration>\n')
    return config


def bridge(config, *words):
    stdout, _ = run("/usr/bin/python3", BRIDGE, "--sumocfg", config, "--json", *words)
    return json.loads(stdout.strip().split("\n")[-1])


def of(result, strategy):
    found = [row for row in result["runs"] if row["strategy"] == strategy]
    assert found, (strategy, result)
    return found[0]


def same(a, b):
    return all(a[key] == b[key] for key in a if key not in ("wall_s", "strategy", "sensing"))


@test
def program_is_sumos_own(folder):
    result = bridge(small_town(folder), "--strategy", "sumo-program,program,max-pressure,sumo-actuated")
    own, through = of(result, "sumo-program"), of(result, "program")
    assert own["delay_s"] == through["delay_s"] and own["arrived"] == through["arrived"] > 30, (own, through)
    pressed = of(result, "max-pressure")
    assert pressed["plans_taken"] > 20 and pressed["plans_refused"] == 0 and pressed["readings_refused"] == 0, pressed
    assert pressed["delay_s"] < own["delay_s"], (pressed, own)
    assert of(result, "sumo-actuated")["delay_s"] != own["delay_s"]


def pair_of_junctions(folder):
    """West and south end in one junction, east and north in another 16 m on; one signal, nothing between them."""
    needs_sumo()
    places = {"a": (-8, 0), "b": (8, 0), "w": (-200, 0), "e": (200, 0), "s": (-8, -200), "n": (8, 200)}
    (folder / "pair.nod.xml").write_text("<nodes>" + "".join(
        f'<node id="{name}" x="{x}" y="{y}"' + (' type="traffic_light" tl="s"/>' if name in "ab" else "/>")
        for name, (x, y) in places.items()) + "</nodes>")
    (folder / "pair.edg.xml").write_text("<edges>" + "".join(
        f'<edge id="{one}{other}" from="{one}" to="{other}"/><edge id="{other}{one}" from="{other}" to="{one}"/>'
        for one, other in ("wa", "sa", "ab", "be", "bn")) + "</edges>")
    subprocess.run(["netconvert", "-n", folder / "pair.nod.xml", "-e", folder / "pair.edg.xml", "-o",
                    folder / "pair.net.xml", "--no-turnarounds", "true"], check=True, capture_output=True)
    ways = {"wa.be": 0.07, "wa.bn": 0.03, "eb.aw": 0.07, "eb.as": 0.03, "sa.be": 0.03, "sa.aw": 0.02, "nb.aw": 0.03,
            "nb.be": 0.02}
    (folder / "pair.rou.xml").write_text("<routes>" + "".join(
        f'<flow id="{way}" begin="0" end="900" probability="{often}" from="{way[:2]}" to="{way[3:]}" departSpeed="max"/>'
        for way, often in ways.items()) + "</routes>")
    config = folder / "pair.sumocfg"
    config.write_text('<configuration><input><net-file value="pair.net.xml"/><route-files value="pair.rou.xml"/></input>'
                      '<time><begin value="0"/><end value="1200"/></time></configuration>\n')
    return config


@test
def two_junctions_of_one_signal_do_not_lock_up(folder):
    """Left turners of both sides wait inside it for each other's queues: under the program's own stages for ever."""
    result = bridge(pair_of_junctions(folder), "--strategy", "adaptive,program,sumo-program", "--seeds", "2")
    for row in result["runs"]:
        if row["strategy"] == "adaptive":
            assert row["arrived"] == row["vehicles"] > 200 and row["plans_refused"] == 0, row
    own, through = of(result, "sumo-program"), of(result, "program")
    assert own["delay_s"] == through["delay_s"] and own["arrived"] == through["arrived"], (own, through)


@test
def a_run_repeats_and_keeps_its_records(folder):
    config = small_town(folder)
    with Daemon(folder, config) as daemon:
        first = bridge(config, "--daemon", daemon.address, "--strategy", "max-pressure", "--out", folder / "out")
        again = bridge(config, "--daemon", daemon.address, "--strategy", "max-pressure")
    own = bridge(config, "--strategy", "max-pressure")
    assert same(first["runs"][0], again["runs"][0]) and same(first["runs"][0], own["runs"][0]), (first, again, own)
    assert json.loads((folder / "out" / "results.json").read_text())["summary"] == first["summary"]
    assert (folder / "out" / "tripinfo-max-pressure-1.xml").exists()


@test
def loops_alone_and_with_cameras(folder):
    config = small_town(folder)
    for sensing in ("loops", "camera,loops"):
        row = bridge(config, "--strategy", "max-pressure", "--sensing", sensing)["runs"][0]
        assert row["readings_refused"] == 0 and row["plans_refused"] == 0 and row["arrived"] > 30, row


def check_lamps(network, shown):
    """Every tick's aspects of one intersection: no conflicting greens, every intergreen, every minimum green."""
    at = network
    groups = range(len(at.groups))
    began, ended = [None] * len(at.groups), [None] * len(at.groups)
    for t_ms, lamps in shown:
        for group in groups:
            green = lamps[group] == "G"
            if green and began[group] is None:
                began[group] = t_ms
                for other in groups:
                    between_ms = at.intergreen_ms(other, group)
                    assert between_ms < 0 or began[other] is None, (at.name, t_ms, lamps)
                    assert between_ms < 0 or ended[other] is None or t_ms - ended[other] >= between_ms, (at.name, t_ms)
            elif not green and began[group] is not None:
                first = began[group] == shown[0][0]
                assert first or t_ms - began[group] >= at.groups[group].green_ms_min, (at.name, t_ms, group)
                assert lamps[group] == "y" or at.groups[group].yellow_ms == 0, (at.name, t_ms, lamps)
                began[group], ended[group] = None, t_ms


@test
def what_the_clients_controllers_show_is_safe(folder):
    """Nobody drives; the cameras say that the queue jumps from lane to lane, so that plans change all the time."""
    import intergreen
    config = small_town(folder)
    with intergreen.Daemon(config, strategy="max-pressure") as daemon, \
            intergreen.Lockstep(daemon.address, config) as engine:
        network = engine.network
        shown = {at.name: [] for at in network.intersections}
        for t_ms in range(0, 900_000, 1000):
            seen = intergreen.Observations(network)
            for camera in network.cameras:
                queue = 6 if (camera.index + t_ms // 23_000) % 3 == 0 else 0
                seen.camera(camera, queue, queue, 7.5 * queue, 0.0 if queue else None)
            plans = engine.advance(t_ms, seen)
            for name, plan in plans.items():
                shown[name].append((t_ms, intergreen.aspects(plan, t_ms)))
                assert plan.stage_at(t_ms).program_phase >= 0
        assert engine.plans_taken > 100 and engine.refused_plans == 0, (engine.plans_taken, engine.refused_plans)
    for at in network.intersections:
        check_lamps(at, shown[at.name])
        changes = sum(a[1] != b[1] for a, b in zip(shown[at.name], shown[at.name][1:]))
        assert changes > 20, (at.name, changes)


@test
def errors_say_what_to_do(folder):
    config = small_town(folder)
    _, said = run("/usr/bin/python3", BRIDGE, "--sumocfg", config, "--daemon", "unix:/nowhere.sock", "--strategy", "webster",
                  code=4)
    assert "unix:/nowhere.sock" in said and "is intergreend running" in said, said
    _, said = run("/usr/bin/python3", BRIDGE, "--sumocfg", config, "--strategy", "webstre", code=1)
    assert "webstre" in said, said
    with Daemon(folder, config, intergreen_s=6) as daemon:
        _, said = run("/usr/bin/python3", BRIDGE, "--sumocfg", config, "--daemon", daemon.address, "--strategy", "webster",
                      code=1)
    assert "network" in said and "hash" in said, said


@test
def the_package_installs(folder):
    """pip makes a package that needs neither protoc nor this checkout."""
    target = folder / "site"
    copy = folder / "copy"
    shutil.copytree(ROOT / "clients", copy / "clients", ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    shutil.copytree(ROOT / "proto", copy / "proto")
    done = subprocess.run(["/usr/bin/python3", "-m", "pip", "install", "-q", "--no-build-isolation", "--no-deps",
                           "--no-index", "--target", str(target), str(copy / "clients")], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0 and "No module named pip" in done.stderr:
        raise Skip("pip (package python3-pip) is not installed")
    assert done.returncode == 0, done.stderr
    assert (target / "intergreen" / "messages.bin").exists(), sorted(pathlib.Path(target).rglob("*"))
    run("/usr/bin/python3", "-c", f"import sys; sys.path.insert(0, {str(target)!r}); import intergreen; "
        "from intergreen.messages import message; message('Frame'); assert 'site' in intergreen.__file__")


@test
def cologne_is_controlled_well(folder):
    """The benchmark that others publish: a quarter of an hour of cologne8, where the daemon must beat SUMO's own."""
    needs_sumo()
    config = DATA / "cologne8" / "cologne8.sumocfg"
    if not config.exists():
        raise Skip("the data cologne8 is not beside this checkout")
    result = bridge(config, "--strategy", "sumo-program,max-pressure,adaptive", "--seconds", "900")
    own = of(result, "sumo-program")["delay_s"]
    for strategy in ("max-pressure", "adaptive"):
        row = of(result, strategy)
        assert row["delay_s"] < 0.7 * own and row["readings_refused"] == 0, (row, own)


if __name__ == "__main__":
    main()
