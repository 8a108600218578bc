"""Goal: what docs/lockstep.md promises to whoever closes a simulator around the daemon. A mock engine with CityFlow's calls is
driven by the very text of the document's worked example, on a CityFlow network that is written here.
"""
import re
import subprocess
import sys

from cityflow_mock import CLEARANCE_S, DEMAND, HALF_M, LEG_M, MockEngine, roadnet
from harness import INTERGREEN, ROOT, main, test

sys.path.insert(0, str(ROOT / "clients"))

def example():
    """The worked example of the document, as a namespace."""
    text = (ROOT / "docs" / "lockstep.md").read_text(encoding="utf-8")
    found = re.search(r"```python cityflow\n(.*?)```", text, re.S)
    assert found, "docs/lockstep.md has no worked example"
    names = {}
    exec(compile(found[1], "docs/lockstep.md", "exec"), names)     # noqa: S102: our own document
    return names


def played(folder, strategy, seconds=900):
    import intergreen
    path = roadnet(folder)
    engine = MockEngine(path, DEMAND)
    network = intergreen.Network.load(path, intergreen_s=CLEARANCE_S)
    with intergreen.Daemon(path, intergreen_s=CLEARANCE_S) as daemon:
        brain = example()["run"](engine, path, daemon.address, seconds, strategy, network)
    return engine, brain


@test
def the_worked_example_controls_a_cityflow_network(folder):
    fixed, _ = played(folder, "program")
    engine, brain = played(folder, "adaptive")
    assert brain.refused_readings == 0 and brain.refused_plans == 0 and brain.plans_taken > 20, vars(brain)
    assert engine.get_average_travel_time() < 0.9 * fixed.get_average_travel_time(), \
        (engine.get_average_travel_time(), fixed.get_average_travel_time())
    assert set(engine.shown) >= {0, 1, 2, 3, 4}, set(engine.shown)
    # Between two phases the clearance is shown, for the intergreen at least.
    runs = []
    for phase in engine.shown:
        if runs and runs[-1][0] == phase:
            runs[-1][1] += 1
        else:
            runs.append([phase, 1])
    for (before, _), (phase, length) in zip(runs, runs[1:]):
        assert phase == 0 or before == 0, (before, phase)
        assert phase != 0 or length >= CLEARANCE_S or (phase, length) == tuple(runs[-1]), (before, phase, length)


@test
def a_run_repeats(folder):
    first, _ = played(folder, "max-pressure", 300)
    again, _ = played(folder, "max-pressure", 300)
    assert first.shown == again.shown


@test
def vehicles_may_be_told_as_they_are(folder):
    """Without Eyes of one's own: the same plans."""
    import intergreen
    path = roadnet(folder)
    shown = []
    with intergreen.Daemon(path, strategy="max-pressure") as daemon:
        for own in (True, False):
            with intergreen.Lockstep(daemon.address, path) as engine:
                eyes = intergreen.Eyes(engine.network)
                lamps = []
                for t_ms in range(0, 90_000, 1000):
                    queue = [intergreen.Vehicle(f"v{i}", f"in{t_ms // 20_000 % 4}_1", 285 - 7.5 * i, 0.0) for i in range(9)]
                    plan = engine.advance(t_ms, eyes.look(queue) if own else queue)["c"]
                    lamps.append(intergreen.aspects(plan, t_ms))
                shown.append(lamps)
    assert shown[0] == shown[1] and len(set(shown[0])) > 4, shown


@test
def names_and_phases_of_cityflow_are_reachable(folder):
    import intergreen
    network = intergreen.Network.load(roadnet(folder))
    at = network.intersection("c")
    assert sorted({stage.program_phase for stage in at.stages}) == [1, 2, 3, 4]
    left = network.lane("in0_0")                               # CityFlow counts from the middle: lane 0 turns left
    assert {connection.turn for connection in left.connections} == {"left"} and left.position == 2
    assert {connection.link_index for connection in left.connections} == {1}
    stage = next(stage for stage in at.stages if stage.program_phase == 3)
    assert all(connection.turn == "left" for group in stage.groups for connection in at.groups[group].connections)
    assert network.camera("in0_2/camera").lane is left


@test
def counts_by_turn_come_from_where_a_vehicle_is_seen_next(folder):
    import intergreen
    network = intergreen.Network.load(roadnet(folder))
    eyes = intergreen.Eyes(network)

    def reading(vehicles, inside=()):
        rows = eyes.look([intergreen.Vehicle(*vehicle) for vehicle in vehicles], inside).cameras
        return {network.cameras[row[0]].lane.id: row for row in rows}

    first = reading([("a", "in0_1", 280, 10.0), ("b", "in0_0", 284, 0.0), ("c", "in0_0", 276, 0.5), ("d", "in0_1", 20, 10.0)])
    row = first["in0_0"]
    assert row[1:4] == (2, 2, round(1000 * (LEG_M - HALF_M - 276 + 5))), row         # two queued, and where the tail is
    assert row[9][0] == 2 and sum(row[9]) == 2 and first["in0_1"][1] == 1, row       # d is beyond 200 m
    assert all(row[5:9] == (0, 0, 0, 0) for row in first.values())
    second = reading([("c", "in0_0", 283, 3.0)], [("b", "out3")])                    # a is inside, untold; b inside, told
    assert second["in0_0"][5:9] == (0, 1, 0, 0) and second["in0_1"][5:9] == (0, 0, 0, 0)
    third = reading([("c", "in0_1", 284, 0.0), ("a", "out2_1", 5, 10.0), ("b", "out3_0", 5, 10.0)])
    assert third["in0_1"][5:9] == (1, 0, 0, 0) and third["in0_0"][5:9] == (0, 0, 0, 0)   # b was counted before


@test
def a_lockstep_session_says_what_is_wrong(folder):
    import intergreen
    path = roadnet(folder)
    for wrong, word in (("nowhere", "address"), ("127.0.0.1:1", "listen"), ("unix:/nowhere", "listen")):
        try:
            intergreen.Lockstep(wrong, path, begin_ms=0)
            raise AssertionError(wrong)
        except intergreen.Error as why:
            assert wrong in str(why) and word in str(why), why
    with intergreen.Daemon(path) as daemon, intergreen.Lockstep(daemon.address, path) as engine:
        engine.advance(5000)
        try:
            engine.advance(4000)
            raise AssertionError("the clock went back")
        except intergreen.Error as why:
            assert "goes back" in str(why)
        try:
            with intergreen.Lockstep(daemon.address, path) as second:
                second.advance(0)
            raise AssertionError("two own the clock")
        except intergreen.Refused as why:
            assert "clock" in str(why), why


@test
def the_command_line_and_the_package_know_the_same_network(folder):
    import intergreen
    path = roadnet(folder)
    subprocess.run([INTERGREEN, "import", str(path), "-o", str(folder / "x.ig"), "--quiet"], check=True)
    assert intergreen.Network.load(folder / "x.ig").hash == intergreen.Network.load(path).hash
    (folder / "cut.ig").write_bytes((folder / "x.ig").read_bytes()[:-9])
    try:
        intergreen.Network.load(folder / "cut.ig")
        raise AssertionError("a cut file was taken")
    except intergreen.Error as why:
        assert "cut.ig" in str(why) and "intergreen import" in str(why)


if __name__ == "__main__":
    main()
