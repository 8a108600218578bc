"""A network as Intergreen sees it, read from the file that `intergreen import` writes (proto/network.proto).

Everything has a dense index, the one by which messages call it, and the name that it had where it came from.
"""
import os
import pathlib
import shutil
import subprocess
import tempfile

from .errors import Error
from .messages import message

MAGIC = b"IGNET\x01\r\n"
HEAD_BYTES = len(MAGIC) + 16
ORIGIN_CITYFLOW = 2
TURNS = ("through", "left", "right", "u_turn")
GROUP_KINDS = ("vehicle", "pedestrian", "bicycle", "transit")
PLACES = ("stop_line", "advance", "exit", "midblock")


class Thing:
    """Any record of the network: its fields are attributes."""

    def __init__(self, **fields):
        self.__dict__.update(fields)

    def __repr__(self):
        return f"<{type(self).__name__} {getattr(self, 'name', '')}>"


class Link(Thing):
    """A directed road: index, name, lanes, length_m, speed_mps, points (its centre line: (x, y) in metres)."""


class Lane(Thing):
    """index, link, position (0 at the kerb), length_m, speed_mps, connections out of it.

    id: its name in the simulator that the network came from. SUMO counts lanes from the kerb, CityFlow from the middle.
    """


class Connection(Thing):
    """One way from lane to lane through a junction: from_lane, to_lane, turn (one of TURNS), group (SignalGroup or None).

    link_index: its letter in SUMO's state string, or its roadLink in CityFlow; -1 without a signal. foes: connections
    whose paths it meets; yields_to: those of them that go first when both may go.
    """


class SignalGroup(Thing):
    """Heads that always show the same: index (within the intersection), name, kind, connections, green_ms_min,
    green_ms_max, red_ms_max, yellow_ms, red_clearance_ms, on_call (it has push buttons)."""


class Stage(Thing):
    """Groups that are green together: index, name, groups (their indices), green_ms_min, green_ms_max.

    program_phase: the index of the phase of the network's own program that it came from (SUMO: the phase of the tlLogic,
    CityFlow: that of lightphases); -1 for a stage that was derived.
    """


class Intersection(Thing):
    """One signal program: index, name, groups, stages, greens of its own program, cycle_ms, offset_ms, quantum_ms."""

    def intergreen_ms(self, before, after):
        """From the end of green of a group to the start of another's; -1 where they do not conflict."""
        return self.intergreens[before * len(self.groups) + after]

    def handover_ms(self):
        """The longest time that leaving any state by the controller's own clearance may take."""
        green_ms = max((group.green_ms_min for group in self.groups), default=0)
        clear_ms = max([group.yellow_ms + group.red_clearance_ms for group in self.groups] + list(self.intergreens) + [0])
        return -(-(green_ms + clear_ms) // self.quantum_ms) * self.quantum_ms


class Detector(Thing):
    """A loop: index, name, lane, intersection or None, place (one of PLACES), to_stop_m (its downstream edge to the lane's
    end), length_m."""


class Camera(Thing):
    """A view of one lane up to its end: index, name, lane, intersection or None, to_stop_m (the lane's end to the stop
    line), view_m (how far back along the lane it sees)."""


def intergreen_program(name="intergreen"):
    """Where the project's program NAME is: $INTERGREEN_BUILD, beside this checkout, or on the PATH."""
    beside = pathlib.Path(__file__).resolve().parents[2] / "build"
    for folder in (os.environ.get("INTERGREEN_BUILD"), beside):
        if folder and os.access(pathlib.Path(folder) / name, os.X_OK):
            return str(pathlib.Path(folder) / name)
    found = shutil.which(name)
    if found is None:
        raise Error(f"the program {name} is not found: build it with ./dev build, or set INTERGREEN_BUILD to its folder")
    return found


class Network:
    """What `Network.load` gives; see the classes above.

    links, lanes, connections, intersections, detectors, cameras: lists by index.
    link(name), lane(id), intersection(name), camera(name), detector(name): by name.
    """

    @classmethod
    def load(cls, source, additional=(), intergreen_s=None):
        """From a network file of Intergreen's own, or from whatever `intergreen import` reads: SUMO's .net.xml or
        .sumocfg, CityFlow's roadnet.json. Say the same `additional` and `intergreen_s` as the daemon's configuration,
        since the daemon takes no simulator that knows another network."""
        path = pathlib.Path(source)
        try:
            with open(path, "rb") as file:
                own = file.read(len(MAGIC)) == MAGIC
        except OSError as why:
            raise Error(f"{source}: cannot be read ({why.strerror}): check the path") from why
        if own:
            return cls(path.read_bytes(), str(source))
        with tempfile.TemporaryDirectory(prefix="intergreen-") as folder:
            made = pathlib.Path(folder) / "network.ig"
            words = [intergreen_program(), "import", str(path), "-o", str(made), "--quiet"]
            for file in additional:
                words += ["--additional", str(file)]
            if intergreen_s is not None:
                words += ["--intergreen-s", str(intergreen_s)]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise Error(done.stderr.strip() or f"{source}: intergreen import fails")
            return cls(made.read_bytes(), str(source))

    def __init__(self, image, source="network"):
        self.source = source
        if image[:len(MAGIC)] != MAGIC:
            raise Error(f"{source}: is no network file of this version: write it anew with `intergreen import`")
        if int.from_bytes(image[len(MAGIC):len(MAGIC) + 8], "little") != len(image) - HEAD_BYTES:
            raise Error(f"{source}: is cut off or altered: write it anew with `intergreen import`")
        raw = message("Network").FromString(image[HEAD_BYTES:])
        self.hash = raw.hash
        self.origin = raw.origin
        self.reference_ms = raw.reference_ms
        names = [text.decode() for text in raw.names.split(b"\0")]
        self._read_roads(raw, names)
        self._read_intersections(raw, names)
        self._read_sensors(raw, names)
        self._links = {link.name: link for link in self.links}
        self._lanes = {lane.id: lane for lane in self.lanes}
        self._intersections = {at.name: at for at in self.intersections}
        self._cameras = {camera.name: camera for camera in self.cameras}
        self._detectors = {detector.name: detector for detector in self.detectors}

    def _read_roads(self, raw, names):
        self.links, self.lanes, self.connections = [], [], []
        for i, name in enumerate(raw.link_name):
            first = raw.link_first_point[i]
            after = first + raw.link_point_count[i]
            link = Link(index=i, name=names[name], lanes=[], length_m=raw.link_length_m[i],
                        speed_mps=raw.link_speed_mps[i],
                        points=list(zip(raw.point_x_m[first:after], raw.point_y_m[first:after])))
            count = raw.link_lane_count[i]
            for position in range(count):
                at = len(self.lanes)
                shown = count - 1 - position if raw.origin == ORIGIN_CITYFLOW else position
                lane = Lane(index=at, link=link, position=position, id=f"{link.name}_{shown}", connections=[],
                            name=f"{link.name}_{position}", length_m=raw.lane_length_m[at],
                            speed_mps=raw.lane_speed_mps[at])
                link.lanes.append(lane)
                self.lanes.append(lane)
            self.links.append(link)
        for lane in self.lanes:
            for _ in range(raw.lane_connection_count[lane.index]):
                i = len(self.connections)
                connection = Connection(index=i, from_lane=lane, to_lane=self.lanes[raw.connection_to_lane[i]],
                                        turn=TURNS[raw.connection_turn[i]], group=None,
                                        link_index=raw.connection_link_index[i], foes=[], yields_to=[],
                                        right_on_red=bool(raw.connection_flags[i] & 1))
                lane.connections.append(connection)
                self.connections.append(connection)
        row = 0
        for connection in self.connections:
            for _ in range(raw.connection_foe_count[connection.index]):
                foe = self.connections[raw.foe_connection[row]]
                connection.foes.append(foe)
                if raw.foe_flags[row] & 2:
                    connection.yields_to.append(foe)
                row += 1

    def _read_intersections(self, raw, names):
        self.intersections = []
        group_at = member_at = stage_at = green_at = intergreen_at = 0
        for i, name in enumerate(raw.intersection_name):
            groups = raw.intersection_group_count[i]
            stages = raw.intersection_stage_count[i]
            greens = raw.intersection_green_count[i]
            at = Intersection(index=i, name=names[name], groups=[], stages=[], cycle_ms=raw.intersection_cycle_ms[i],
                              offset_ms=raw.intersection_offset_ms[i], quantum_ms=raw.intersection_quantum_ms[i],
                              intergreens=raw.intergreen_ms[intergreen_at:intergreen_at + groups * groups], greens=[],
                              coordinated_stage=raw.intersection_coordinated_stage[i])
            for k in range(group_at, group_at + groups):
                members = raw.group_member_count[k]
                group = SignalGroup(index=k - group_at, intersection=at, name=names[raw.group_name[k]],
                                    kind=GROUP_KINDS[raw.group_kind[k]], green_ms_min=raw.group_green_ms_min[k],
                                    green_ms_max=raw.group_green_ms_max[k], red_ms_max=raw.group_red_ms_max[k],
                                    yellow_ms=raw.group_yellow_ms[k], red_clearance_ms=raw.group_red_clearance_ms[k],
                                    on_call=bool(raw.group_on_call[k]) if raw.group_on_call else False,
                                    connections=[self.connections[c]
                                                 for c in raw.group_member[member_at:member_at + members]])
                for connection in group.connections:
                    connection.group = group
                member_at += members
                at.groups.append(group)
            for k in range(stage_at, stage_at + stages):
                bits = raw.stage_groups[k]
                at.stages.append(Stage(index=k - stage_at, name=names[raw.stage_name[k]],
                                       groups=[g for g in range(groups) if bits >> g & 1],
                                       program_phase=raw.stage_program_phase[k],
                                       green_ms_min=raw.stage_green_ms_min[k], green_ms_max=raw.stage_green_ms_max[k]))
            for k in range(green_at, green_at + greens):
                at.greens.append((raw.green_group[k], raw.green_stage[k], raw.green_start_ms[k], raw.green_end_ms[k]))
            group_at, stage_at, green_at = group_at + groups, stage_at + stages, green_at + greens
            intergreen_at += groups * groups
            self.intersections.append(at)

    def _read_sensors(self, raw, names):
        def whose(index):
            return self.intersections[index] if index >= 0 else None

        self.detectors = [
            Detector(index=i, name=names[name], lane=self.lanes[raw.detector_lane[i]],
                     intersection=whose(raw.detector_intersection[i]), place=PLACES[raw.detector_place[i]],
                     to_stop_m=raw.detector_to_stop_m[i], length_m=raw.detector_length_m[i])
            for i, name in enumerate(raw.detector_name)]
        self.cameras = [
            Camera(index=i, name=names[name], lane=self.lanes[raw.camera_lane[i]],
                   intersection=whose(raw.camera_intersection[i]), to_stop_m=raw.camera_to_stop_m[i],
                   view_m=raw.camera_view_m[i])
            for i, name in enumerate(raw.camera_name)]

    @staticmethod
    def _find(table, name, what, source):
        try:
            return table[name]
        except KeyError:
            raise Error(f"{source}: has no {what} '{name}'") from None

    def link(self, name):
        return self._find(self._links, name, "link", self.source)

    def lane(self, lane_id):
        """By the id that the simulator of origin gives it: 'E12_0' in SUMO, 'road_1_0_0_2' in CityFlow."""
        return self._find(self._lanes, lane_id, "lane", self.source)

    def has_lane(self, lane_id):
        return lane_id in self._lanes

    def intersection(self, name):
        return self._find(self._intersections, name, "intersection", self.source)

    def camera(self, name):
        return self._find(self._cameras, name, "camera", self.source)

    def detector(self, name):
        return self._find(self._detectors, name, "detector", self.source)
