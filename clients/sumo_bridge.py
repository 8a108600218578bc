#!/usr/bin/python3
"""The neutral referee: real SUMO closed around Intergreen's daemon, tick by tick.

SUMO moves the vehicles; the daemon sees of them what cameras (200 m from the stop line, over several edges) or loops (E1)
would count, no routes and no future; its plans are shown as SUMO's signal states, yellow and all-red to the step. Each run is
judged by RESCO's metric: the mean over all vehicles of time loss + departure delay, vehicles that never got in counted up to
the end.

    clients/sumo_bridge.py --sumocfg town.sumocfg --strategy adaptive,max-pressure,sumo-program --seeds 5

Without --daemon it starts a daemon of its own. The strategies sumo-program and sumo-actuated are SUMO's own: the network's
program, and the same phases actuated.
"""
import argparse
import contextlib
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time
import xml.etree.ElementTree as xml

HERE = pathlib.Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))
DEBIAN_PACKAGES = "/usr/lib/python3/dist-packages"             # libsumo and traci of Debian's sumo-tools

DEBIAN_SUMO_HOME = "/usr/share/sumo"

import intergreen  # noqa: E402

SUMO_PROGRAM, SUMO_ACTUATED, DAEMONS_OWN = "sumo-program", "sumo-actuated", "daemon"
ACTUATED_GREEN_S_MIN, ACTUATED_GREEN_S_MAX = 5, 50             # where the program says nothing
CONTROL_MS = 1000
SPEED_MPS_MAX = 80.0                                           # beyond it a loop was left sideways, not passed


def load_sumo(engine):
    """The module that talks to SUMO: libsumo, or TraCI where that is missing or asked for."""
    if DEBIAN_PACKAGES not in sys.path:
        sys.path.append(DEBIAN_PACKAGES)
    if "SUMO_HOME" not in os.environ and os.path.isdir(DEBIAN_SUMO_HOME):
        os.environ["SUMO_HOME"] = DEBIAN_SUMO_HOME             # else SUMO asks the web for its schemas
    for name in ("libsumo", "traci") if engine == "auto" else (engine,):
        try:
            return __import__(name)
        except ImportError:
            continue
    raise intergreen.Error(f"SUMO's Python library ({engine}) is not found for {sys.executable}: install Debian's package "
                           "sumo, and run this with /usr/bin/python3")


def config_values(sumocfg, *names):
    """The values of an option of a .sumocfg, split at commas and made absolute: several names are synonyms."""
    root = xml.parse(sumocfg).getroot()
    for element in root.iter():
        if element.tag in names and element.get("value"):
            folder = pathlib.Path(sumocfg).resolve().parent
            return [str(folder / part.strip()) for part in element.get("value").replace(" ", ",").split(",") if part.strip()]
    return []


# ---- signals

class SignalHead:
    """One intersection's lamps as SUMO's state string."""

    def __init__(self, sumo, intersection):
        self.intersection = intersection
        self.name = intersection.name
        running = sumo.trafficlight.getProgram(self.name)
        logics = [logic for logic in sumo.trafficlight.getAllProgramLogics(self.name) if logic.programID == running]
        self.phases = [phase.state for phase in logics[0].phases]
        self.connection_of = {}
        self.group_of = [None] * len(self.phases[0])
        for group in intersection.groups:
            for connection in group.connections:
                self.group_of[connection.link_index] = group.index
                self.connection_of.setdefault(connection.link_index, []).append(connection)
        self._place_crossings()
        self.by_pattern = {}
        for phase, state in enumerate(self.phases):
            self.by_pattern.setdefault(self._pattern(state), []).append(phase)
        self.shown = None

    def _place_crossings(self):
        """Letters of pedestrian crossings have no connection: they belong to the group that is green with them."""
        stages = [stage for stage in self.intersection.stages if stage.program_phase >= 0]
        for letter, found in enumerate(self.group_of):
            shown = [self.phases[stage.program_phase][letter] in "Gg" for stage in stages]
            if found is not None or all(shown) or not any(shown):
                continue                                       # a letter that never changes needs no group
            fitting = [group for group in self.intersection.groups if group.kind == "pedestrian"
                       and shown == [group.index in stage.groups for stage in stages]]
            if fitting:
                self.group_of[letter] = fitting[0].index

    def _pattern(self, state):
        return "".join("-" if group is None else "G" if letter in "Gg" else "y" if letter in "yY" else "r"
                       for letter, group in zip(state, self.group_of))

    def _letter(self, index, lamp, green, phase):
        """One letter of a pattern that the program never shows."""
        own = self.phases[phase][index] if 0 <= phase < len(self.phases) else "r"
        if self.group_of[index] is None:
            return own if all(state[index] in "GgoO" for state in self.phases) else "r"
        connections = self.connection_of.get(index, ())
        if lamp == "G":
            if own in "Gg":
                return own
            yields = any(foe.link_index in green and foe.group is not None
                         and foe.group.intersection is self.intersection
                         for connection in connections for foe in connection.yields_to)
            return "g" if yields else "G"
        if lamp == "r" and any(connection.right_on_red for connection in connections):
            return "s"
        return lamp

    def state(self, plan, t_ms):
        """SUMO's state string at t: the program's own phase where it has one that looks so, else letter by letter."""
        lamps = intergreen.aspects(plan, t_ms)
        letters = []
        for group in self.group_of:
            lamp = "-" if group is None else lamps[group]
            walks = group is not None and self.intersection.groups[group].kind == "pedestrian"
            letters.append("r" if lamp == "y" and walks else lamp)
        phase = plan.stage_at(t_ms).program_phase
        alike = self.by_pattern.get("".join(letters))
        if alike:
            after = [other for other in alike if other >= phase]
            return self.phases[after[0] if after else alike[0]]
        green = {index for index, lamp in enumerate(letters) if lamp == "G"}
        return "".join(self._letter(index, lamp, green, phase) for index, lamp in enumerate(letters))

    def show(self, sumo, plan, t_ms):
        state = self.state(plan, t_ms)
        if state != self.shown:
            sumo.trafficlight.setRedYellowGreenState(self.name, state)
            self.shown = state


# ---- sensors

class Cameras:
    """Every camera of the network over SUMO's vehicles."""

    def __init__(self, sumo, network):
        self.sumo = sumo
        self.network = network
        self.eyes = intergreen.Eyes(network)
        self.leads_to = {}                                     # lane inside a junction -> the edge that it leads to

    def _onward(self, lane):
        if lane not in self.leads_to:
            links = self.sumo.lane.getLinks(lane)
            onward = links[0][0] if links else ""
            self.leads_to[lane] = self._onward(onward) if onward.startswith(":") else onward.rpartition("_")[0]
        return self.leads_to[lane]

    def read(self, observations):
        sumo, vehicles, inside = self.sumo, [], []
        for name in sumo.vehicle.getIDList():
            lane = sumo.vehicle.getLaneID(name)
            if lane.startswith(":"):
                edge = self._onward(lane)
                if edge and self.network.has_lane(f"{edge}_0"):
                    inside.append((name, edge))
            elif self.network.has_lane(lane):
                vehicles.append(intergreen.Vehicle(name, lane, sumo.vehicle.getLanePosition(name), sumo.vehicle.getSpeed(name),
                                                   sumo.vehicle.getLength(name)))
        observations.cameras = self.eyes.look(vehicles, inside).cameras


class Loops:
    """Every loop of the network. SUMO's E1 is a line across the lane: a loop has one at each of its edges, so that it is
    covered from the moment a front comes onto it until the rear has left it."""

    def __init__(self, network):
        self.network = network
        self.since_s = None
        self.covered_ms = [0.0] * len(network.detectors)
        self.passed = [[] for _ in network.detectors]          # speeds of those that left since the last read

    @staticmethod
    def write(network, path):
        """The additional file with the lines."""
        root = xml.Element("additional")
        for loop in network.detectors:
            rear_m = max(0.0, loop.lane.length_m - loop.to_stop_m - loop.length_m)
            for edge, position_m in (("in", rear_m), ("out", loop.lane.length_m - loop.to_stop_m)):
                xml.SubElement(root, "inductionLoop", id=f"intergreen:{loop.index}:{edge}", lane=loop.lane.id,
                               pos=f"{max(0.0, min(position_m, loop.lane.length_m - 0.01)):.2f}", freq="100000", file="NUL",
                               friendlyPos="true")
        xml.ElementTree(root).write(path)

    def step(self, sumo, begin_s, end_s):
        """Takes what happened in one step of SUMO."""
        for loop in self.network.detectors:
            came = sumo.inductionloop.getVehicleData(f"intergreen:{loop.index}:in")
            left = sumo.inductionloop.getVehicleData(f"intergreen:{loop.index}:out")
            if not came and not left:
                continue
            spans = {}
            for name, _, entry_s, _, _ in came:
                spans[name] = [max(begin_s, entry_s), end_s]
            for name, length_m, entry_s, exit_s, _ in left:
                span = spans.setdefault(name, [begin_s, end_s])
                if exit_s >= 0:
                    span[1] = min(end_s, exit_s)
                    self.passed[loop.index].append(min(SPEED_MPS_MAX, length_m / max(0.001, exit_s - entry_s)))
            for name, _, _, exit_s, _ in came:
                if exit_s >= 0 and all(name != other[0] for other in left):
                    spans[name][1] = min(end_s, exit_s)        # it changed lanes on the loop
            self.covered_ms[loop.index] += 1000.0 * sum(max(0.0, end - begin) for begin, end in spans.values())

    def read(self, observations, length_ms):
        for loop in self.network.detectors:
            speeds = self.passed[loop.index]
            observations.loop(loop, len(speeds), min(self.covered_ms[loop.index], length_ms),
                              sum(speeds) / len(speeds) if speeds else None)
            self.covered_ms[loop.index] = 0.0
            self.passed[loop.index] = []


# ---- runs

class Run:
    """One strategy, one seed, one hour."""

    def __init__(self, options, strategy, seed, network, address, folder):
        self.options, self.strategy, self.seed = options, strategy, seed
        self.network, self.address, self.folder = network, address, pathlib.Path(folder)
        self.own = strategy in (SUMO_PROGRAM, SUMO_ACTUATED)
        self.sumo = options.sumo

    def words(self):
        """SUMO's command line."""
        options = self.options
        self.trips = self.folder / f"tripinfo-{self.strategy}-{self.seed}.xml"
        words = ["sumo", "-c", options.sumocfg, "--seed", str(self.seed), "--no-step-log", "true", "--no-warnings", "true",
                 "--duration-log.disable", "true", "--time-to-teleport", str(options.time_to_teleport),
                 "--tripinfo-output", str(self.trips), "--tripinfo-output.write-unfinished", "true",
                 "--tripinfo-output.write-undeparted", "true"]
        if options.scale != 1.0:
            words += ["--scale", str(options.scale)]
        if options.begin is not None:
            words += ["--begin", str(options.begin)]
        additional = config_values(options.sumocfg, "additional-files", "additional")
        if self.strategy == SUMO_ACTUATED:
            additional.append(str(write_actuated(options.sumocfg, self.folder / "actuated.add.xml")))
        if not self.own and "loops" in options.sensing:
            Loops.write(self.network, self.folder / "loops.add.xml")
            additional.append(str(self.folder / "loops.add.xml"))
        return words + (["--additional-files", ",".join(additional)] if additional else [])

    def play(self):
        """Runs it; gives the row of results."""
        began_s = time.monotonic()
        sumo = self.sumo
        try:
            sumo.start(self.words())
        except Exception as why:                               # libsumo and TraCI each have their own kinds
            raise intergreen.Error(f"SUMO does not take {self.options.sumocfg} ({why}): `sumo -c` of it tells more") from why
        try:
            end_s = self.end_s()
            extra = self.steps_of_own(end_s) if self.own else self.steps_of_daemon(end_s)
            ended_s = sumo.simulation.getTime()
        finally:
            sumo.close()
        row = {"strategy": self.strategy, "seed": self.seed, "sensing": "" if self.own else ",".join(self.options.sensing),
               **judge(self.trips, ended_s), **extra, "wall_s": round(time.monotonic() - began_s, 2)}
        if not self.options.out:
            self.trips.unlink()
        return row

    def end_s(self):
        begin_s = self.sumo.simulation.getTime()
        if self.options.seconds is not None:
            return begin_s + self.options.seconds
        end_s = self.sumo.simulation.getEndTime()
        return end_s if end_s > 0 else None                    # None: until the last vehicle has arrived

    def done(self, end_s):
        if end_s is not None:
            return self.sumo.simulation.getTime() >= end_s - 1e-6
        return self.sumo.simulation.getMinExpectedNumber() == 0

    def steps_of_own(self, end_s):
        while not self.done(end_s):
            self.sumo.simulationStep()
        return {}

    def steps_of_daemon(self, end_s):
        sumo, network = self.sumo, self.network
        step_ms = round(1000 * sumo.simulation.getDeltaT())
        lights = set(sumo.trafficlight.getIDList())
        heads = [SignalHead(sumo, at) for at in network.intersections if at.name in lights]
        cameras = Cameras(sumo, network) if "camera" in self.options.sensing else None
        loops = Loops(network) if "loops" in self.options.sensing else None
        strategy = self.strategy if self.strategy != DAEMONS_OWN else None
        with intergreen.Lockstep(self.address, network, strategy=strategy, step_ms=CONTROL_MS, seed=self.seed,
                                 sensing=",".join(self.options.sensing)) as engine:
            plans, first = {}, True
            while not self.done(end_s):
                now_s = sumo.simulation.getTime()
                t_ms = network.reference_ms + round(1000 * now_s)
                if t_ms % CONTROL_MS < step_ms:
                    observations = intergreen.Observations(network)
                    if cameras is not None and not first:
                        cameras.read(observations)
                    if loops is not None and not first:
                        loops.read(observations, CONTROL_MS)
                    plans, first = engine.advance(t_ms, observations), False
                for head in heads:
                    if head.name in plans:
                        head.show(sumo, plans[head.name], t_ms)
                sumo.simulationStep()
                if loops is not None:
                    loops.step(sumo, now_s, sumo.simulation.getTime())
            return {"plans_taken": engine.plans_taken, "plans_refused": engine.refused_plans,
                    "readings_refused": engine.refused_readings}


def judge(trips, ended_s):
    """RESCO's metric and its neighbours, from SUMO's own trip records."""
    delays, losses, departs, durations, waits = [], [], [], [], []
    arrived = unfinished = undeparted = 0
    for _, trip in xml.iterparse(trips):
        if trip.tag != "tripinfo":
            continue
        depart_s, delay_s = float(trip.get("depart")), float(trip.get("departDelay"))
        if depart_s < 0 and trip.get("arrival") is not None and float(trip.get("duration", -1)) < 0:
            undeparted += 1                                    # SUMO counts its wait up to the end
            loss_s = 0.0
        else:
            loss_s = float(trip.get("timeLoss"))
            durations.append(float(trip.get("duration")))
            waits.append(float(trip.get("waitingTime")))
            if float(trip.get("arrival")) < 0:
                unfinished += 1
            else:
                arrived += 1
        losses.append(loss_s)
        departs.append(delay_s)
        delays.append(loss_s + delay_s)
        trip.clear()

    def mean(values):
        return round(statistics.fmean(values), 3) if values else 0.0

    return {"delay_s": mean(delays), "time_loss_s": mean(losses), "departure_delay_s": mean(departs),
            "trip_duration_s": mean(durations), "waiting_s": mean(waits), "vehicles": len(delays), "arrived": arrived,
            "under_way": unfinished, "never_inserted": undeparted, "end_s": ended_s}


def write_actuated(sumocfg, path):
    """The network's programs as SUMO's actuated ones: the same phases, green from 5 to 50 s where they do not say."""
    root = xml.Element("additional")
    for file in config_values(sumocfg, "net-file", "n") + config_values(sumocfg, "additional-files", "additional"):
        for logic in xml.parse(file).getroot().iter("tlLogic"):
            made = xml.SubElement(root, "tlLogic", id=logic.get("id"), type="actuated", programID="intergreen-actuated",
                                  offset=logic.get("offset", "0"))
            for phase in logic.iter("phase"):
                state = phase.get("state")
                green = any(letter in "Gg" for letter in state) and not any(letter in "yY" for letter in state)
                limits = {"minDur": str(ACTUATED_GREEN_S_MIN), "maxDur": str(ACTUATED_GREEN_S_MAX)} if green else {}
                xml.SubElement(made, "phase", {**limits, **phase.attrib})
    xml.ElementTree(root).write(path)
    return path


def summary(rows):
    """Mean and worst seed of each strategy, in the order in which they ran."""
    found = {}
    for row in rows:
        found.setdefault(row["strategy"], []).append(row)
    return [{"strategy": strategy, "sensing": of[0]["sensing"], "seeds": len(of),
             "delay_s_mean": round(statistics.fmean(row["delay_s"] for row in of), 3),
             "delay_s_worst": max(row["delay_s"] for row in of),
             "arrived_mean": round(statistics.fmean(row["arrived"] for row in of), 1),
             "never_inserted_mean": round(statistics.fmean(row["never_inserted"] for row in of), 1)}
            for strategy, of in found.items()]


def parse(words):
    parser = argparse.ArgumentParser(prog="sumo_bridge.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sumocfg", required=True, metavar="X.sumocfg", help="SUMO's configuration: network and demand")
    parser.add_argument("--daemon", metavar="ADDRESS", help="a running intergreend (unix:PATH, HOST:PORT, tls:HOST:PORT) that has this network; "
                        "without it one is started")
    parser.add_argument("--strategy", metavar="A,B,C", help="program, webster, actuated, max-pressure, coordinated, adaptive; "
                        "sumo-program, sumo-actuated; default: adaptive, or the daemon's own")
    parser.add_argument("--seeds", type=int, default=1, metavar="K", help="SUMO's seeds FIRST .. FIRST+K-1 (default 1)")
    parser.add_argument("--first-seed", type=int, default=1, metavar="FIRST")
    parser.add_argument("--sensing", default="camera", help="camera, loops, or camera,loops (default camera)")
    parser.add_argument("--intergreen-s", type=float, metavar="X", help="for studies: the same intergreen for every conflict")
    parser.add_argument("--begin", type=float, metavar="S", help="default: the configuration's")
    parser.add_argument("--seconds", type=float, metavar="S", help="default: to the configuration's end")
    parser.add_argument("--scale", type=float, default=1.0, help="of the demand")
    parser.add_argument("--time-to-teleport", type=float, default=-1, metavar="S", help="default -1: nobody is removed from a jam")
    parser.add_argument("--engine", choices=("auto", "libsumo", "traci"), default="auto")
    parser.add_argument("--json", action="store_true", help="one JSON object last on standard output")
    parser.add_argument("--out", metavar="DIR", help="keeps SUMO's trip records and results.json there")
    options = parser.parse_args(words)
    options.sensing = [part for part in options.sensing.split(",") if part]
    if not options.sensing or any(part not in ("camera", "loops") for part in options.sensing):
        parser.error("--sensing is camera, loops, or camera,loops")
    if not pathlib.Path(options.sumocfg).is_file():
        parser.error(f"--sumocfg {options.sumocfg}: there is no such file")
    options.strategies = options.strategy.split(",") if options.strategy else [None if options.daemon else "adaptive"]
    return options


def play_all(options, folder):
    """Every strategy with every seed; gives the rows."""
    rows, network, address = [], None, None
    with contextlib.ExitStack() as stack:
        if any(strategy not in (SUMO_PROGRAM, SUMO_ACTUATED) for strategy in options.strategies):
            network = intergreen.Network.load(options.sumocfg, intergreen_s=options.intergreen_s)
            address = stack.enter_context(intergreen.serving(options.sumocfg, options.daemon,
                                                             intergreen_s=options.intergreen_s))
        for strategy in options.strategies:
            for seed in range(options.first_seed, options.first_seed + options.seeds):
                row = Run(options, strategy or DAEMONS_OWN, seed, network, address, folder).play()
                rows.append(row)
                print(f"{row['strategy']:14} seed {seed:3}  delay {row['delay_s']:8.2f} s  arrived {row['arrived']:6}  "
                      f"never in {row['never_inserted']:5}  {row['wall_s']:6.1f} s", file=sys.stderr, flush=True)
    return rows


def referee(options):
    options.sumo = load_sumo(options.engine)
    with tempfile.TemporaryDirectory(prefix="intergreen-bridge-") as scratch:
        folder = options.out or scratch
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        rows = play_all(options, folder)
    result = {"sumocfg": options.sumocfg, "summary": summary(rows), "runs": rows}
    if options.out:
        (pathlib.Path(options.out) / "results.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"{'strategy':14} {'sensing':12} {'seeds':>5} {'delay mean':>11} {'worst':>8} {'arrived':>8} {'never in':>9}")
    for line in result["summary"]:
        print(f"{line['strategy']:14} {line['sensing']:12} {line['seeds']:5} {line['delay_s_mean']:9.2f} s "
              f"{line['delay_s_worst']:6.2f} s {line['arrived_mean']:8.0f} {line['never_inserted_mean']:9.0f}")
    if options.json:
        print(json.dumps(result))


def main(words=None):
    options = parse(words)
    return intergreen.exit_code("sumo_bridge", lambda: referee(options))


if __name__ == "__main__":
    sys.exit(main())
