"""Goal: what docs/lockstep.md promises to whoever closes a simulator around the daemon. A mock engine with CityFlow's calls is
driven by the very text of the document's worked example, on a CityFlow network that is written here.
"""
import json
import re
import subprocess
import sys

from harness import INTERGREEN, ROOT, main, test

sys.path.insert(0, str(ROOT / "clients"))

LEGS = [(-1, 0), (0, -1), (1, 0), (0, 1)]                      # W S E N of the crossing at the origin
LEG_M, HALF_M, SPEED_MPS = 300, 15, 10.0
TURNS = (("go_straight", 2, 1), ("turn_left", 3, 0), ("turn_right", 1, 2))   # type, legs on, start lane
CLEARANCE_S = 5


def roadnet(folder):
    """One crossing of four legs with three lanes each (lane 0 turns left); phase 0 lets right turns go alone."""
    def point(x, y):
        return {"x": x, "y": y}

    lanes = [{"width": 4, "maxSpeed": SPEED_MPS}] * 3
    roads, links = [], []
    for k, (x, y) in enumerate(LEGS):
        ends = [point(LEG_M * x, LEG_M * y), point(0, 0)]
        roads.append({"id": f"in{k}", "startIntersection": f"v{k}", "endIntersection": "c", "points": ends, "lanes": lanes})
        roads.append({"id": f"out{k}", "startIntersection": "c", "endIntersection": f"v{k}", "points": ends[::-1],
                      "lanes": lanes})
        for kind, on, start in TURNS:
            goal = (k + on) % 4
            links.append({"type": kind, "startRoad": f"in{k}", "endRoad": f"out{goal}", "direction": k,
                          "laneLinks": [{"startLaneIndex": start, "endLaneIndex": i, "points": []} for i in range(3)]})
    rights = [i for i, link in enumerate(links) if link["type"] == "turn_right"]

    def phase(chosen, seconds=30):
        shown = sorted({i for i, link in enumerate(links) if chosen(int(link["startRoad"][2]), link["type"])} | set(rights))
        return {"time": seconds, "availableRoadLinks": shown}

    phases = [phase(lambda leg, kind: False, 5)]
    for kind in ("go_straight", "turn_left"):
        for across in (0, 1):
            phases.append(phase(lambda leg, what, kind=kind, across=across: what == kind and leg % 2 == across))
    centre = {"id": "c", "point": point(0, 0), "width": HALF_M, "virtual": False, "roads": [road["id"] for road in roads],
              "roadLinks": links, "trafficLight": {"roadLinkIndices": list(range(12)), "lightphases": phases}}
    borders = [{"id": f"v{k}", "point": point(LEG_M * x, LEG_M * y), "width": 0, "virtual": True, "roads": [],
                "roadLinks": []} for k, (x, y) in enumerate(LEGS)]
    path = folder / "roadnet.json"
    path.write_text(json.dumps({"intersections": [centre] + borders, "roads": roads}))
    return path


class MockEngine:
    """As much of cityflow.Engine as a signal harness calls. Vehicles drive at 10 m/s, stand 7.5 m apart and leave a stop line one
    in 2 s a lane; inside the crossing, for 3 s, they are on no lane."""

    LANE_M = LEG_M - HALF_M

    def __init__(self, path, demand):
        at = [at for at in json.loads(path.read_text())["intersections"] if at["id"] == "c"][0]
        self.links = at["roadLinks"]
        self.phases = [set(phase["availableRoadLinks"]) for phase in at["trafficLight"]["lightphases"]]
        self.demand = demand                                   # road link -> a vehicle each so many seconds
        self.now, self.phase, self.number = 0, 0, 0
        self.lanes = {f"{way}{k}_{i}": [] for k in range(4) for way in ("in", "out") for i in range(3)}
        self.inside, self.left_at = [], {}
        self.came, self.travel_s, self.shown = {}, [], []

    def set_tl_phase(self, name, phase):
        assert name == "c" and 0 <= phase < len(self.phases), (name, phase)
        self.phase = phase

    def get_lane_vehicles(self):
        return {lane: [vehicle["id"] for vehicle in there] for lane, there in self.lanes.items()}

    def _each(self, key):
        return {vehicle["id"]: vehicle[key] for there in self.lanes.values() for vehicle in there}

    def get_vehicle_speed(self):
        return self._each("speed")

    def get_vehicle_distance(self):
        return self._each("distance")

    def get_average_travel_time(self):
        waiting = [self.now - self.came[vehicle["id"]] for there in self.lanes.values() for vehicle in there]
        return sum(self.travel_s + waiting) / max(1, len(self.travel_s) + len(waiting))

    def _enter(self):
        for link, every_s in self.demand.items():
            if self.now % every_s == 0:
                lane = f"{self.links[link]['startRoad']}_{self.links[link]['laneLinks'][0]['startLaneIndex']}"
                if not self.lanes[lane] or self.lanes[lane][-1]["distance"] > 7.5:
                    self.number += 1
                    name = f"flow_{link}_{self.number}"
                    self.came[name] = self.now
                    self.lanes[lane].append({"id": name, "link": link, "distance": 0.0, "speed": SPEED_MPS})

    def _cross(self, lane):
        first = self.lanes[lane][0]
        go = first["link"] in self.phases[self.phase] and self.now - self.left_at.get(lane, -9) >= 2
        if first["distance"] >= self.LANE_M and go:
            self.left_at[lane] = self.now
            self.lanes[lane].pop(0)
            self.inside.append((self.now + 3, first))

    def next_step(self):
        self.shown.append(self.phase)
        self._enter()
        for lane, there in self.lanes.items():
            if lane.startswith("in") and there:
                self._cross(lane)
            ahead = self.LANE_M + (7.5 if lane.startswith("in") else 1e9)
            for vehicle in there:
                goal = min(vehicle["distance"] + SPEED_MPS, ahead - 7.5)
                vehicle["speed"] = max(0.0, goal - vehicle["distance"])
                vehicle["distance"] = max(vehicle["distance"], goal)
                ahead = vehicle["distance"]
            while there and lane.startswith("out") and there[0]["distance"] > self.LANE_M:
                self.travel_s.append(self.now - self.came.pop(there.pop(0)["id"]))
        for when, vehicle in [one for one in self.inside if one[0] <= self.now]:
            self.inside.remove((when, vehicle))
            self.lanes[f"{self.links[vehicle['link']]['endRoad']}_1"].append({**vehicle, "distance": 0.0, "speed": SPEED_MPS})
        self.now += 1


DEMAND = {0: 4, 6: 4, 1: 25, 3: 20, 9: 20, 4: 40, 10: 40, 2: 15}   # W and E ahead are heavy, N and S are light


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
