"""A CityFlow network and an engine with CityFlow's calls, for tests of what closes CityFlow around the daemon."""
import json
import pathlib

LEGS = [(-1, 0), (0, -1), (1, 0), (0, 1)]                      # W S E N of the crossing at the origin
LEG_M, HALF_M, SPEED_MPS = 300, 15, 10.0
TURNS = (("go_straight", 2, 1), ("turn_left", 3, 0), ("turn_right", 1, 2))   # type, legs on, start lane
CLEARANCE_S = 5
DEMAND = {0: 4, 6: 4, 1: 25, 3: 20, 9: 20, 4: 40, 10: 40, 2: 15}   # W and E ahead are heavy, N and S are light


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



class Engine(MockEngine):
    """The same as CityFlow's module has it: made from a config.json, whose flow file says DEMAND. With "rlTrafficLight": false
    the phases of the file go round."""

    def __init__(self, config_file, thread_num=1):
        assert thread_num >= 1
        with open(config_file, encoding="utf-8") as file:
            config = json.load(file)
        assert config["interval"] == 1.0 and isinstance(config["seed"], int), config
        with open(config["dir"] + config["flowFile"], encoding="utf-8") as file:
            demand = {int(link): every_s for link, every_s in json.load(file).items()}
        path = pathlib.Path(config["dir"] + config["roadnetFile"])
        super().__init__(path, demand)
        self.controlled = config["rlTrafficLight"]
        at = [at for at in json.loads(path.read_text())["intersections"] if at["id"] == "c"][0]
        self.clock = [i for i, phase in enumerate(at["trafficLight"]["lightphases"]) for _ in range(int(phase["time"]))]

    def set_tl_phase(self, name, phase):
        assert self.controlled, "the phases go by the clock"
        super().set_tl_phase(name, phase)

    def next_step(self):
        if not self.controlled:
            self.phase = self.clock[self.now % len(self.clock)]
        super().next_step()

    def get_vehicle_count(self):
        return sum(map(len, self.lanes.values())) + len(self.inside)
