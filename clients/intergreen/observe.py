"""What cameras and loops of a simulator say: readings in columns, and `Eyes`, which make a camera's reading of where the
vehicles are. They see what a camera sees: no routes, nothing beyond their view, nothing of the future."""
from collections import namedtuple

from .errors import Error
from .messages import message
from .network import TURNS

BIN_M = 10.0
BIN_COUNT_MAX = 32
QUEUED_MPS = 1.39                # slower than 5 km/h
PATH_LINKS_MAX = 8               # short links that a vehicle may pass between two looks
UNSEEN_LOOKS_MAX = 120           # so long a vehicle that nobody tells of is taken to be inside a junction

# A vehicle as somebody at the roadside would describe it. lane: the simulator's own lane id (network.lane). position_m:
# of its front from the lane's beginning.
Vehicle = namedtuple("Vehicle", "id lane position_m speed_mps length_m", defaults=(5.0,))


class Observations:
    """Readings of one tick. Times default to the tick at which they are sent; intervals to the time since the tick before.

    camera(...) and loop(...) add one reading each, with the numbers that the messages have (proto/observation.proto)."""

    def __init__(self, network):
        self.network = network
        self.cameras = []
        self.loops = []

    def camera(self, camera, in_view, queued, tail_m=0.0, speed_mps=None, through=0, left=0, right=0, u_turn=0,
               bins=(), bin_speeds_mps=None, length_ms=None):
        """camera: its Camera or its name. bins: vehicles in each 10 m back from the lane's end."""
        if isinstance(camera, str):
            camera = self.network.camera(camera)
        if bin_speeds_mps is None:
            bin_speeds_mps = [-0.001] * len(bins)
        elif len(bin_speeds_mps) != len(bins):
            raise Error(f"{camera.name}: {len(bins)} bins but {len(bin_speeds_mps)} speeds: give one each")
        self.cameras.append((camera.index, in_view, queued, round(1000 * tail_m),
                             -1 if speed_mps is None else round(1000 * speed_mps), through, left, right, u_turn,
                             list(bins), [round(1000 * speed) for speed in bin_speeds_mps], length_ms))

    def loop(self, detector, vehicles, occupied_ms, speed_mps=None, length_ms=None):
        """detector: its Detector or its name. vehicles: whose rear left the loop; occupied_ms: how long it was covered."""
        if isinstance(detector, str):
            detector = self.network.detector(detector)
        self.loops.append((detector.index, vehicles, round(occupied_ms),
                           -1 if speed_mps is None else round(1000 * speed_mps), length_ms))

    def batch(self, sequence, t_ms, step_ms):
        """The ObservationBatch message."""
        batch = message("ObservationBatch")(sequence=sequence, base_ms=t_ms)
        for index, in_view, queued, tail, speed, through, left, right, u_turn, bins, speeds, length_ms in self.cameras:
            batch.camera.append(index)
            batch.camera_end_ms.append(0)
            batch.camera_length_ms.append(length_ms or step_ms)
            batch.camera_in_view.append(in_view)
            batch.camera_queued.append(queued)
            batch.camera_tail_mm.append(tail)
            batch.camera_speed_mmps.append(speed)
            batch.camera_through.append(through)
            batch.camera_left.append(left)
            batch.camera_right.append(right)
            batch.camera_u_turn.append(u_turn)
            batch.camera_bin_count.append(len(bins))
            batch.camera_bin_vehicles.extend(bins)
            batch.camera_bin_speed_mmps.extend(speeds)
        for index, vehicles, occupied_ms, speed, length_ms in self.loops:
            length_ms = length_ms or step_ms
            batch.loop_detector.append(index)
            batch.loop_end_ms.append(0)
            batch.loop_length_ms.append(length_ms)
            batch.loop_vehicles.append(vehicles)
            batch.loop_occupied_ms.append(min(occupied_ms, length_ms))
            batch.loop_speed_mmps.append(speed)
        return batch


class Eyes:
    """All cameras of a network over a simulator's vehicles.

    look(vehicles) -> Observations: call it once a tick with every Vehicle that stands or drives on a lane. Vehicles inside
    a junction may be told in `inside`, as (vehicle id, name of the link that they turn into): a camera sees that too. Those
    that are not told are counted when they are next seen on a lane.

    Counts by turn follow from where a vehicle is seen next, never from its route."""

    def __init__(self, network):
        self.network = network
        self._camera_of = {camera.lane.index: camera for camera in network.cameras}
        self._last = {}                  # vehicle -> index of the lane where it was seen, or -1 - link that it turns into
        self._unseen = {}                # vehicle -> looks since then
        self._paths = {}
        self._next = [sorted({connection.to_lane.link.index for lane in link.lanes for connection in lane.connections})
                      for link in network.links]

    def _path(self, start, goal):
        """Links from start to goal, the fewest; () where there are more than PATH_LINKS_MAX or none."""
        key = (start, goal)
        if key not in self._paths:
            before, front = {start: None}, [start]
            for _ in range(PATH_LINKS_MAX):
                if goal in before and goal != start:
                    break
                reached = []
                for link in front:
                    for onward in self._next[link]:
                        if onward not in before:
                            before[onward] = link
                            reached.append(onward)
                front = reached
            path = []
            link = goal if goal in before else None
            while link is not None:
                path.append(link)
                link = before[link]
            self._paths[key] = tuple(reversed(path))
        return self._paths[key]

    def _leave(self, lane_index, goal, turned):
        """Counts a vehicle that was on the lane and is now on the link `goal` or turning into it."""
        lanes = self.network.lanes
        path = self._path(lanes[lane_index].link.index, goal)
        at = lane_index
        for onward in path[1:]:
            link = lanes[at].link
            # The lane it was seen on, or the nearest one beside it from which one can go there.
            beside = sorted(link.lanes, key=lambda lane: abs(lane.index - at))
            found = next((connection for lane in beside for connection in lane.connections
                          if connection.to_lane.link.index == onward), None)
            if found is None:
                return
            counts = turned.setdefault(found.from_lane.index, [0, 0, 0, 0])
            counts[TURNS.index(found.turn)] += 1
            at = found.to_lane.index

    def look(self, vehicles, inside=()):
        turned = {}                      # lane -> vehicles that left it, by turn
        on_lane = {}                     # lane of a camera -> [(distance to its end, speed, length)]
        seen = {}
        for vehicle in vehicles:
            lane = self.network.lane(vehicle.lane)
            before = self._last.get(vehicle.id)
            if before is not None and before >= 0 and self.network.lanes[before].link is not lane.link:
                self._leave(before, lane.link.index, turned)
            elif before is not None and before < 0 and -1 - before != lane.link.index:
                entered = self.network.links[-1 - before].lanes[0]
                self._leave(entered.index, lane.link.index, turned)
            seen[vehicle.id] = lane.index
            camera = self._camera_of.get(lane.index)
            if camera is not None:
                to_end_m = max(0.0, lane.length_m - vehicle.position_m)
                if to_end_m <= camera.view_m:
                    on_lane.setdefault(lane.index, []).append((to_end_m, vehicle.speed_mps, vehicle.length_m))
        for vehicle, link_name in inside:
            goal = self.network.link(link_name).index
            before = self._last.get(vehicle)
            if before is not None and before >= 0 and self.network.lanes[before].link.index != goal:
                self._leave(before, goal, turned)
            elif before is not None and before < 0 and -1 - before != goal:
                self._leave(self.network.links[-1 - before].lanes[0].index, goal, turned)
            seen[vehicle] = -1 - goal
        self._remember(seen)
        return self._pictures(on_lane, turned)

    def _remember(self, seen):
        """What was seen; and, for a while, what is not seen any more."""
        unseen = {}
        for vehicle, where in self._last.items():
            if vehicle not in seen:
                looks = self._unseen.get(vehicle, 0) + 1
                if looks <= UNSEEN_LOOKS_MAX:
                    unseen[vehicle] = looks
                    seen[vehicle] = where
        self._last, self._unseen = seen, unseen

    def _pictures(self, on_lane, turned):
        observations = Observations(self.network)
        for camera in self.network.cameras:
            found = sorted(on_lane.get(camera.lane.index, ()))
            count = min(max(1, int((camera.view_m + BIN_M - 0.001) / BIN_M)), BIN_COUNT_MAX)
            bins, speeds = [0] * count, [0.0] * count
            queued, tail_m = 0, 0.0
            for to_end_m, speed_mps, length_m in found:
                if speed_mps < QUEUED_MPS:
                    queued += 1
                    tail_m = min(to_end_m + length_m, camera.view_m + 30.0)
                which = min(int(to_end_m / BIN_M), count - 1)
                bins[which] += 1
                speeds[which] += speed_mps
            mean_mps = sum(speed for _, speed, _ in found) / len(found) if found else None
            through, left, right, u_turn = turned.get(camera.lane.index, (0, 0, 0, 0))
            observations.camera(camera, len(found), queued, tail_m, mean_mps, through, left, right, u_turn, bins,
                                [speed / number if number else -0.001 for speed, number in zip(speeds, bins)])
        return observations
