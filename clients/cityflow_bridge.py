#!/usr/bin/python3
"""The second referee: CityFlow's engine closed around Intergreen's daemon, second by second.

CityFlow moves the vehicles; the daemon sees of them what cameras within 200 m of a stop line would, no routes and no future. Its
plans are shown as CityFlow's phases, and as a clearance phase (only what is green in every phase) while lamps change, since
CityFlow knows no yellow.

    clients/cityflow_bridge.py --config config.json --strategy adaptive,max-pressure,cityflow-program --seconds 3600
    clients/cityflow_bridge.py --roadnet roadnet.json --flow flow.json

Each run is judged by the published comparisons' metric, `time_on_entering_lanes_s`: the seconds that a vehicle spends on lanes
which end at a signal, mean over all vehicles that came onto one, those still there counted up to the end. Beside it stands
CityFlow's own `average_travel_time_s`, which counts the wait to enter too. Delay is either one less the same of a network
without signals: which free flow a publication takes off is to be looked up there.

It needs CityFlow's Python module `cityflow` (github.com/cityflow-project/CityFlow) for the python that runs this. Without
--daemon it starts a daemon of its own. The strategy cityflow-program is CityFlow's own: the phases of the file by its clock.
"""
import argparse
import contextlib
import json
import pathlib
import statistics
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

import intergreen  # noqa: E402

CITYFLOW_PROGRAM, DAEMONS_OWN = "cityflow-program", "daemon"
STANDING_MPS = 0.1                                             # what the published comparisons count as a queue
CLEARANCE_S = 5.0                                              # of the published comparisons
STEP_MS = 1000


def load_cityflow():
    try:
        import cityflow
    except ImportError as why:
        raise intergreen.Error(f"CityFlow's Python module is not found for {sys.executable} ({why}): build and install it "
                               "(github.com/cityflow-project/CityFlow), and run this with the python that has it") from why
    return cityflow


def read_json(path, what):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as why:
        raise intergreen.Error(f"{what} {path}: {why}") from why


# ---- what CityFlow is given

class Study:
    """The files of a run: from a config.json of CityFlow's, or named one by one."""

    def __init__(self, options):
        self.config = {"interval": 1.0, "seed": 0, "laneChange": False}
        if options.config:
            self.config.update(read_json(options.config, "--config"))
            folder = pathlib.Path(self.config.get("dir", ""))
            if not folder.is_dir():                            # CityFlow takes it from where it is started
                folder = pathlib.Path(options.config).resolve().parent / folder
            self.roadnet, self.flow = folder / self.config["roadnetFile"], folder / self.config["flowFile"]
        if options.roadnet:
            self.roadnet = pathlib.Path(options.roadnet)
        if options.flow:
            self.flow = pathlib.Path(options.flow)
        self.roadnet, self.flow = self.roadnet.resolve(), self.flow.resolve()
        self.document = read_json(self.roadnet, "the road network")
        read_json(self.flow, "the flow")
        if self.config["interval"] != 1.0:
            raise intergreen.Error(f"{options.config}: \"interval\" is {self.config['interval']}: the bridge plays steps of 1 s")

    def write(self, folder, seed, own):
        """The config.json of one run; gives its path, and the clearance phase of each signal."""
        roadnet, clearance = self.roadnet, {}
        if not own:
            roadnet = folder / "roadnet.json"
            clearance = self._with_clearance(roadnet)
        config = {**self.config, "seed": seed, "dir": "", "roadnetFile": str(roadnet), "flowFile": str(self.flow),
                  "rlTrafficLight": not own, "saveReplay": False, "roadnetLogFile": str(folder / "roadnet.log.json"),
                  "replayLogFile": str(folder / "replay.txt")}
        path = folder / "config.json"
        path.write_text(json.dumps(config))
        return path, clearance

    def _with_clearance(self, path):
        """Writes the network with a phase more at each signal that has none in which only that is green which always is."""
        document, clearance = json.loads(json.dumps(self.document)), {}
        for at in document["intersections"]:
            phases = at.get("trafficLight", {}).get("lightphases", [])
            if at.get("virtual") or not phases:
                continue
            always = set.intersection(*(set(phase["availableRoadLinks"]) for phase in phases))
            alike = [i for i, phase in enumerate(phases) if set(phase["availableRoadLinks"]) == always]
            if not alike:
                phases.append({"time": CLEARANCE_S, "availableRoadLinks": sorted(always)})
            clearance[at["id"]] = alike[0] if alike else len(phases) - 1
        path.write_text(json.dumps(document))
        return clearance

    def entering_lanes(self):
        """Lanes that end at a signal."""
        signals = {at["id"] for at in self.document["intersections"]
                   if not at.get("virtual") and len(at.get("trafficLight", {}).get("lightphases", [])) > 1}
        return {f"{road['id']}_{lane}" for road in self.document["roads"] if road["endIntersection"] in signals
                for lane in range(len(road["lanes"]))}


# ---- runs

class Judge:
    """Sums second by second."""

    def __init__(self, entering):
        self.entering = entering
        self.seconds_of = {}                                   # vehicle -> on entering lanes
        self.standing = self.steps = 0

    def look(self, lanes, speed):
        self.steps += 1
        for lane in self.entering:
            for vehicle in lanes.get(lane, ()):
                self.seconds_of[vehicle] = self.seconds_of.get(vehicle, 0) + 1
                self.standing += speed[vehicle] < STANDING_MPS

    def row(self, engine):
        spent = list(self.seconds_of.values())
        return {"time_on_entering_lanes_s": round(statistics.fmean(spent), 3) if spent else 0.0,
                "average_travel_time_s": round(engine.get_average_travel_time(), 3),
                "average_queue_veh": round(self.standing / max(1, self.steps), 3),
                "vehicles": len(spent), "under_way": engine.get_vehicle_count()}


def vehicles_of(lanes, speed, distance):
    """Everybody on a lane, as a camera describes them. CityFlow's distance is that of the front on its lane."""
    return [intergreen.Vehicle(vehicle, lane, distance[vehicle], speed[vehicle])
            for lane, there in lanes.items() for vehicle in there]


def play(options, study, strategy, seed, network, address, folder):
    """One strategy, one seed; gives the row of results."""
    began_s = time.monotonic()
    own = strategy == CITYFLOW_PROGRAM
    config, clearance = study.write(folder, seed, own)
    engine = options.cityflow.Engine(str(config), thread_num=options.threads)
    judge = Judge(study.entering_lanes())
    extra = {}
    if own:
        for _ in range(options.seconds):
            engine.next_step()
            judge.look(engine.get_lane_vehicles(), engine.get_vehicle_speed())
    else:
        with intergreen.Lockstep(address, network, strategy=None if strategy == DAEMONS_OWN else strategy, step_ms=STEP_MS,
                                 seed=seed) as brain:
            lanes, speed, shown = engine.get_lane_vehicles(), engine.get_vehicle_speed(), {}
            eyes = intergreen.Eyes(network)
            for second in range(options.seconds):
                t_ms = network.reference_ms + STEP_MS * second
                plans = brain.advance(t_ms, eyes.look(vehicles_of(lanes, speed, engine.get_vehicle_distance())))
                for name, plan in plans.items():
                    phase = clearance[name] if plan.changing(t_ms) else plan.stage_at(t_ms).program_phase
                    if shown.get(name) != phase:
                        engine.set_tl_phase(name, phase)
                        shown[name] = phase
                engine.next_step()
                lanes, speed = engine.get_lane_vehicles(), engine.get_vehicle_speed()
                judge.look(lanes, speed)
            extra = {"plans_taken": brain.plans_taken, "plans_refused": brain.refused_plans,
                     "readings_refused": brain.refused_readings}
    return {"strategy": strategy, "seed": seed, **judge.row(engine), **extra, "wall_s": round(time.monotonic() - began_s, 2)}


def play_all(options, study, folder):
    rows, network, address = [], None, None
    with contextlib.ExitStack() as stack:
        if any(strategy != CITYFLOW_PROGRAM for strategy in options.strategies):
            network = intergreen.Network.load(study.roadnet, intergreen_s=options.intergreen_s)
            address = stack.enter_context(intergreen.serving(study.roadnet, options.daemon,
                                                             intergreen_s=options.intergreen_s))
        for strategy in options.strategies:
            for seed in range(options.first_seed, options.first_seed + options.seeds):
                row = play(options, study, strategy, seed, network, address, folder)
                rows.append(row)
                print(f"{strategy:16} seed {seed:3}  on entering lanes {row['time_on_entering_lanes_s']:8.2f} s  "
                      f"CityFlow's travel time {row['average_travel_time_s']:8.2f} s  under way {row['under_way']:5}  "
                      f"{row['wall_s']:6.1f} s", file=sys.stderr, flush=True)
    return rows


def summary(rows):
    """Mean and worst seed of each strategy, in the order in which they ran."""
    found = {}
    for row in rows:
        found.setdefault(row["strategy"], []).append(row)
    return [{"strategy": strategy, "seeds": len(of),
             "time_on_entering_lanes_s_mean": round(statistics.fmean(row["time_on_entering_lanes_s"] for row in of), 3),
             "time_on_entering_lanes_s_worst": max(row["time_on_entering_lanes_s"] for row in of),
             "average_travel_time_s_mean": round(statistics.fmean(row["average_travel_time_s"] for row in of), 3),
             "under_way_mean": round(statistics.fmean(row["under_way"] for row in of), 1)} for strategy, of in found.items()]


def parse(words):
    parser = argparse.ArgumentParser(prog="cityflow_bridge.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", metavar="config.json", help="CityFlow's configuration: network, flow, lane changing")
    parser.add_argument("--roadnet", metavar="roadnet.json", help="the network, without or in place of the configuration's")
    parser.add_argument("--flow", metavar="flow.json", help="the demand, likewise")
    parser.add_argument("--daemon", metavar="ADDRESS", help="a running intergreend (unix:PATH, HOST:PORT, tls:HOST:PORT) that has this network "
                        "with the same intergreens; without it one is started")
    parser.add_argument("--strategy", metavar="A,B,C", help="program, webster, actuated, max-pressure, coordinated, adaptive; "
                        "cityflow-program; default: adaptive, or the daemon's own")
    parser.add_argument("--seconds", type=int, default=3600, metavar="S", help="default 3600")
    parser.add_argument("--seeds", type=int, default=1, metavar="K", help="CityFlow's seeds FIRST .. FIRST+K-1 (default 1)")
    parser.add_argument("--first-seed", type=int, default=0, metavar="FIRST")
    parser.add_argument("--intergreen-s", type=float, default=CLEARANCE_S, metavar="X",
                        help=f"between conflicting greens (default {CLEARANCE_S:g}, as the published comparisons)")
    parser.add_argument("--threads", type=int, default=1, help="of CityFlow")
    parser.add_argument("--json", action="store_true", help="one JSON object last on standard output")
    options = parser.parse_args(words)
    if not options.config and not (options.roadnet and options.flow):
        parser.error("say --config, or --roadnet and --flow")
    if options.seconds < 1 or options.seeds < 1:
        parser.error("--seconds and --seeds are at least 1")
    options.strategies = options.strategy.split(",") if options.strategy else [DAEMONS_OWN if options.daemon else "adaptive"]
    return options


def referee(options):
    options.cityflow = load_cityflow()
    study = Study(options)
    with tempfile.TemporaryDirectory(prefix="intergreen-bridge-") as scratch:
        rows = play_all(options, study, pathlib.Path(scratch))
    result = {"roadnet": str(study.roadnet), "flow": str(study.flow), "seconds": options.seconds,
              "intergreen_s": options.intergreen_s, "summary": summary(rows), "runs": rows}
    print(f"{'strategy':16} {'seeds':>5} {'on entering lanes':>18} {'worst':>10} {'travel time':>12} {'under way':>10}")
    for line in result["summary"]:
        print(f"{line['strategy']:16} {line['seeds']:5} {line['time_on_entering_lanes_s_mean']:16.2f} s "
              f"{line['time_on_entering_lanes_s_worst']:8.2f} s {line['average_travel_time_s_mean']:10.2f} s "
              f"{line['under_way_mean']:10.0f}")
    if options.json:
        print(json.dumps(result))


def main(words=None):
    options = parse(words)
    return intergreen.exit_code("cityflow_bridge", lambda: referee(options))


if __name__ == "__main__":
    sys.exit(main())
