#!/usr/bin/env python3
"""gtfs_realtime.py: late buses and trams of a GTFS-Realtime feed ask the signals for priority.

Reads one or several feeds (VehiclePositions, and TripUpdates for the lateness), finds each vehicle on the links of its
route, and says so to the daemon with a PriorityRequest, again and again while it moves. Between two answers of the feed a
vehicle that tells its speed is taken to go on with it.

    clients/gtfs_realtime.py --feed https://transit.example/vehicles.pb --feed https://transit.example/trips.pb \\
        --network town.net.xml --routes routes.json --daemon 127.0.0.1:7411

docs/gtfs-realtime.md tells what the routes file says and where coordinates come from.
Exit: 0 done, 1 failed, 2 usage, 4 the daemon is not reachable.
"""
import argparse
import bisect
import collections
import csv
import hashlib
import json
import math
import os
import pathlib
import sys
import tempfile
import time
import urllib.request
import warnings
import xml.etree.ElementTree as xml

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
DEBIAN_PACKAGES = "/usr/lib/python3/dist-packages"
try:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
except ImportError:
    sys.path.append(DEBIAN_PACKAGES)
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError                                       # noqa: E402

from intergreen import Closed, Error, Network, NotReachable                           # noqa: E402
from intergreen.connection import Connection                                          # noqa: E402
from intergreen.messages import compile_protos, message                               # noqa: E402

ROLE_OPERATOR, PRIORITY_TRANSIT, STOPPED_AT = 3, 1, 1
FEED_BYTES_MAX = 16 << 20
FEED_TIMEOUT_S = 10.0
ROUTE_LINKS_MAX = 256                # of a request, from the vehicle's own link on
EARTH_M = 6371008.8                  # mean radius, for a tangent plane
BEARING_MAX = 60.0                   # degrees off a link's direction: another carriageway
AWAKE_S = 1.0


# ---- the feed

_feed_class = None


def feed_message():
    """The class FeedMessage, made of gtfs_realtime.proto in a descriptor pool of its own."""
    global _feed_class
    if _feed_class is None:
        with tempfile.TemporaryDirectory(prefix="intergreen-gtfs-") as folder:
            made = pathlib.Path(folder) / "gtfs.bin"
            compile_protos([HERE / "gtfs_realtime.proto"], made)
            files = descriptor_pb2.FileDescriptorSet.FromString(made.read_bytes())
        pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            pool.Add(file)
        make = getattr(message_factory, "GetMessageClass", None) or message_factory.MessageFactory(pool).GetPrototype
        _feed_class = make(pool.FindMessageTypeByName("transit_realtime.FeedMessage"))
    return _feed_class


def feed_read(source):
    """A FeedMessage from a file or an http(s) address."""
    try:
        if "://" in source:
            if not source.startswith(("http://", "https://")):
                raise Error(f"{source}: a feed is a file or an http(s) address")
            with urllib.request.urlopen(source, timeout=FEED_TIMEOUT_S) as answer:
                data = answer.read(FEED_BYTES_MAX + 1)
        else:
            with open(source, "rb") as file:
                data = file.read(FEED_BYTES_MAX + 1)
    except (OSError, ValueError) as why:
        raise Error(f"{source}: cannot be read ({why})") from why
    if len(data) > FEED_BYTES_MAX:
        raise Error(f"{source}: is longer than {FEED_BYTES_MAX >> 20} MiB: is it a feed?")
    try:
        with warnings.catch_warnings(record=True) as warned:   # some versions of the library but warn of half a message
            warnings.simplefilter("always")
            feed = feed_message().FromString(data)
    except DecodeError as why:
        raise Error(f"{source}: is no GTFS-Realtime feed ({why})") from why
    if warned or not feed.IsInitialized():
        raise Error(f"{source}: is no GTFS-Realtime feed ({warned[0].message if warned else 'a required field is missing'})")
    return feed


def lateness(update):
    """Seconds behind the schedule that a TripUpdate tells: of the trip, else of its next stop; None: it tells none."""
    if update.HasField("delay"):
        return update.delay
    for stop in update.stop_time_update:
        for event in ("departure", "arrival"):
            if stop.HasField(event) and getattr(stop, event).HasField("delay"):
                return getattr(stop, event).delay
    return None


# ---- from degrees to the network's metres

def utm(lat, lon, zone, south=False):
    """Universal Transverse Mercator on WGS84, by Krueger's series to the fourth order: within a millimetre."""
    a, flattening = 6378137.0, 1 / 298.257223563
    n = flattening / (2 - flattening)
    radius = a / (1 + n) * (1 + n ** 2 / 4 + n ** 4 / 64)
    alpha = (n / 2 - 2 * n ** 2 / 3 + 5 * n ** 3 / 16 + 41 * n ** 4 / 180,
             13 * n ** 2 / 48 - 3 * n ** 3 / 5 + 557 * n ** 4 / 1440,
             61 * n ** 3 / 240 - 103 * n ** 4 / 140, 49561 * n ** 4 / 161280)
    phi, lam = math.radians(lat), math.radians(lon - (6 * zone - 183))
    k = 2 * math.sqrt(n) / (1 + n)
    t = math.sinh(math.atanh(math.sin(phi)) - k * math.atanh(k * math.sin(phi)))
    xi, eta = math.atan2(t, math.cos(lam)), math.atanh(math.sin(lam) / math.sqrt(1 + t * t))
    x = eta + sum(c * math.cos(2 * j * xi) * math.sinh(2 * j * eta) for j, c in enumerate(alpha, 1))
    y = xi + sum(c * math.sin(2 * j * xi) * math.cosh(2 * j * eta) for j, c in enumerate(alpha, 1))
    return 500000.0 + 0.9996 * radius * x, (10000000.0 if south else 0.0) + 0.9996 * radius * y


def projection_of_sumo(path):
    """What a SUMO network says of where it lies; None when it says nothing that is known here (UTM)."""
    for _, element in xml.iterparse(path, events=("start",)):
        if element.tag == "location":
            words = dict(word.lstrip("+").partition("=")[::2] for word in element.get("projParameter", "").split())
            if words.get("proj") != "utm" or not words.get("zone", "").isdigit():
                return None
            zone, south = int(words["zone"]), "south" in words
            off_x, off_y = (float(part) for part in element.get("netOffset").split(","))

            def project(lat, lon):
                x, y = utm(lat, lon, zone, south)
                return x + off_x, y + off_y
            return project
        if element.tag == "edge":
            break
    return None


def solve3(rows, right):
    """Three equations, by Gauss; None when they do not say enough."""
    rows = [list(row) + [value] for row, value in zip(rows, right)]
    for i in range(3):
        pivot = max(range(i, 3), key=lambda k: abs(rows[k][i]))
        if abs(rows[pivot][i]) < 1e-6:
            return None
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for k in range(3):
            if k != i:
                rows[k] = [b - rows[k][i] / rows[i][i] * a for a, b in zip(rows[i], rows[k])]
    return [rows[i][3] / rows[i][i] for i in range(3)]


def projection_of_points(points):
    """From reference points: with one, east is x and north is y; with three or more, what fits them best."""
    lat0, lon0 = points[0]["lat"], points[0]["lon"]

    def plane(lat, lon):
        return (EARTH_M * math.radians(lon - lon0) * math.cos(math.radians(lat0)),
                EARTH_M * math.radians(lat - lat0))
    if len(points) < 3:
        x0, y0 = points[0]["x_m"], points[0]["y_m"]
        return lambda lat, lon: tuple(a + b for a, b in zip((x0, y0), plane(lat, lon)))
    known = [(*plane(point["lat"], point["lon"]), 1.0) for point in points]
    normal = [[sum(row[i] * row[k] for row in known) for k in range(3)] for i in range(3)]
    fits = [solve3(normal, [sum(row[i] * point[axis] for row, point in zip(known, points)) for i in range(3)])
            for axis in ("x_m", "y_m")]
    if None in fits:
        raise Error("the reference points lie on one line: name one beside it")
    return lambda lat, lon: tuple(sum(c * v for c, v in zip(fit, (*plane(lat, lon), 1.0))) for fit in fits)


# ---- routes

class Route:
    """Links in order, with how far along each begins."""

    def __init__(self, network, names):
        self.links = [network.link(name) for name in names]
        self.begin_m = [0.0]
        for link in self.links:
            self.begin_m.append(self.begin_m[-1] + link.length_m)
        self.lane = []               # per link: the first lane from the kerb that leads on
        for here, after in zip(self.links, self.links[1:]):
            lanes = [lane for lane in here.lanes if any(c.to_lane.link is after for c in lane.connections)]
            if not lanes:
                raise Error(f"no lane leads from link {here.name} to link {after.name}")
            self.lane.append(lanes[0])
        self.lane.append(self.links[-1].lanes[0])

    def find(self, x, y, bearing, off_m):
        """Metres along the route of the nearest point within off_m, or None."""
        best, at_m = off_m, None
        for link, begin_m in zip(self.links, self.begin_m):
            steps = list(zip(link.points, link.points[1:]))
            drawn_m = sum(math.dist(a, b) for a, b in steps) or 1.0
            run_m = 0.0
            for a, b in steps:
                dx, dy = b[0] - a[0], b[1] - a[1]
                length = math.hypot(dx, dy)
                if length > 0.0 and not (bearing is not None and abs((math.degrees(math.atan2(dx, dy)) - bearing + 180.0)
                                                                     % 360.0 - 180.0) > BEARING_MAX):
                    part = min(1.0, max(0.0, ((x - a[0]) * dx + (y - a[1]) * dy) / length ** 2))
                    away = math.hypot(x - a[0] - part * dx, y - a[1] - part * dy)
                    if away < best:
                        best, at_m = away, begin_m + (run_m + part * length) / drawn_m * link.length_m
                run_m += length
        return at_m

    def at(self, along_m):
        """(index of the link, metres to its end), or None beyond the end."""
        if along_m >= self.begin_m[-1]:
            return None
        i = bisect.bisect_right(self.begin_m, along_m) - 1
        return i, self.begin_m[i + 1] - along_m


class Routes:
    """The routes file: which links the trips of a route take."""

    def __init__(self, network, path, trips=None):
        try:
            told = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
            self.reference = told.get("reference") or []
            self.routes = {}
            for row in told["routes"]:
                direction = row.get("direction_id")
                key = (str(row["route_id"]), None if direction is None else int(direction))
                try:
                    self.routes[key] = Route(network, row["links"])
                except Error as why:
                    raise Error(f"{path}: route {key[0]}: {why}") from why
        except OSError as why:
            raise Error(f"{path}: cannot be read ({why.strerror})") from why
        except (ValueError, KeyError, TypeError, AttributeError) as why:
            raise Error(f"{path}: is no routes file ({why}); docs/gtfs-realtime.md shows one") from why
        self.trips = {}
        if trips:
            with open(trips, encoding="utf-8-sig", newline="") as file:
                for row in csv.DictReader(file):
                    self.trips[row["trip_id"]] = (row["route_id"], row.get("direction_id") or None)

    def of(self, trip):
        """The Route of a trip descriptor, or None."""
        route_id = trip.route_id
        direction = trip.direction_id if trip.HasField("direction_id") else None
        if trip.trip_id in self.trips:
            route_id, told = self.trips[trip.trip_id]
            direction = int(told) if told is not None else direction
        return self.routes.get((route_id, direction)) or self.routes.get((route_id, None))


# ---- vehicles

def number_of(vehicle_id):
    """A stable number for a vehicle's id, 63 bits."""
    return int.from_bytes(hashlib.sha256(vehicle_id.encode()).digest()[:8], "big") >> 1


Bus = collections.namedtuple("Bus", "number route along_m speed_mps seen_s late_s")


class Fleet:
    """Who is where on which route, from the newest answer of the feeds; and how many could not be used, and why."""

    def __init__(self, routes, project, options):
        self.routes, self.project, self.options = routes, project, options
        self.buses = {}
        self.counts = collections.Counter()

    def take(self, feeds, now_s):
        late = {}
        for feed in feeds:
            for entity in feed.entity:
                if entity.HasField("trip_update") and not entity.is_deleted:
                    seconds = lateness(entity.trip_update)
                    if seconds is not None:
                        late[entity.trip_update.trip.trip_id] = seconds
        self.buses = {}
        for feed in feeds:
            for entity in feed.entity:
                if entity.HasField("vehicle") and not entity.is_deleted:
                    self.counts["vehicles"] += 1
                    bus = self._bus(feed, entity, late, now_s)
                    if isinstance(bus, str):
                        self.counts[bus] += 1
                    else:
                        self.buses[bus.number] = bus

    def _bus(self, feed, entity, late, now_s):
        """A Bus, or the reason why there is none."""
        said = entity.vehicle
        seen_s = said.timestamp or feed.header.timestamp or now_s
        if not said.HasField("position") or not math.isfinite(said.position.latitude + said.position.longitude):
            return "no_position"
        if now_s - seen_s > self.options.max_age_s or seen_s - now_s > self.options.max_age_s:
            return "stale"
        route = self.routes.of(said.trip)
        if route is None:
            return "unknown_route"
        if said.HasField("current_status") and said.current_status == STOPPED_AT:
            return "at_stop"
        late_s = late.get(said.trip.trip_id, self.options.assume_late_s)
        if late_s <= 0:
            return "not_late"
        x, y = self.project(said.position.latitude, said.position.longitude)
        bearing = said.position.bearing if said.position.HasField("bearing") else None
        along_m = route.find(x, y, bearing, self.options.off_route_m)
        if along_m is None:
            return "off_route"
        return Bus(number_of(said.vehicle.id or said.vehicle.label or entity.id), route, along_m,
                   max(0.0, said.position.speed), seen_s, int(late_s))

    def requests(self, now_s):
        """A PriorityRequest for each that is still on its route."""
        for number, bus in sorted(self.buses.items()):
            ahead_s = now_s - bus.seen_s
            if ahead_s > self.options.max_age_s:
                continue
            found = bus.route.at(bus.along_m + bus.speed_mps * max(0.0, ahead_s))
            if found is None:
                continue
            i, to_stop_m = found
            links = bus.route.links[i:i + ROUTE_LINKS_MAX]
            lane = bus.route.lane[i]
            yield message("PriorityRequest")(
                vehicle=number, kind=PRIORITY_TRANSIT, link_name=links[0].name, lane_position=lane.position,
                to_stop_mm=int(1000.0 * min(to_stop_m, lane.length_m)), speed_mmps=int(1000.0 * bus.speed_mps),
                late_s=bus.late_s, route_name=[link.name for link in links])


# ---- the daemon

class Desk:
    """A session of role operator that asks for priority and hears what became of it."""

    def __init__(self, options):
        self.connection = Connection(options.daemon, 30.0)
        self.request = 0
        over_tls = options.daemon.startswith("tls:")             # there the certificate says it
        identity = options.identity or ("" if over_tls else "gtfs-realtime")
        hello = message("Hello")(protocol=1, role=ROLE_OPERATOR, identity=identity,
                                 software="intergreen-gtfs-realtime", clock_ms=int(1000 * time.time()))
        if options.credential:
            hello.token = pathlib.Path(options.credential).read_bytes().strip()
        self.connection.put(hello=hello)
        self._hear("welcome")

    def _hear(self, wanted):
        while True:
            frame = self.connection.receive()
            kind = frame.WhichOneof("kind")
            if kind == wanted:
                return getattr(frame, kind)
            if kind == "heartbeat" and not frame.heartbeat.HasField("echo_clock_ms"):
                self.connection.put(heartbeat=message("Heartbeat")(clock_ms=int(1000 * time.time()),
                                                                   echo_clock_ms=frame.heartbeat.clock_ms))
            elif kind == "error":
                raise Error(f"{self.connection.address}: {frame.error.text}")

    def ask(self, request):
        """(accepted, why not)."""
        self.request += 1
        request.request = self.request
        self.connection.put(priority_request=request)
        result = self._hear("request_result")
        return result.accepted, result.text

    def close(self):
        self.connection.close()


def poll(fleet, options, now_s):
    feeds = []
    for source in options.feed:
        try:
            feeds.append(feed_read(source))
            fleet.counts["feeds_read"] += 1
        except Error as why:
            fleet.counts["feeds_failed"] += 1
            print(f"gtfs_realtime: {why}", file=sys.stderr)
    if feeds:
        fleet.take(feeds, now_s)


def say(fleet, desk, now_s):
    for request in fleet.requests(now_s):
        accepted, text = desk.ask(request)
        fleet.counts["accepted" if accepted else "refused"] += 1
        if not accepted:
            print(f"gtfs_realtime: vehicle {request.vehicle} on link {request.link_name}: refused: {text}", file=sys.stderr)


def serve(fleet, options):
    """Until it is interrupted. A daemon that goes away is looked for again; who never answered ends it."""
    desk, polled_s, said_s = Desk(options), -math.inf, -math.inf
    while True:
        now_s = time.time()
        if now_s - polled_s >= options.poll_s:
            poll(fleet, options, now_s)
            polled_s = now_s
        if now_s - said_s >= options.say_s:
            said_s = now_s
            try:
                desk = desk or Desk(options)
                say(fleet, desk, now_s)
            except (Closed, NotReachable) as why:
                print(f"gtfs_realtime: {why}", file=sys.stderr)
                if desk is not None:
                    desk.close()
                desk = None
        time.sleep(AWAKE_S)


def options_read():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--feed", action="append", required=True, metavar="FILE|URL",
                        help="GTFS-Realtime feed; may be given again (positions, trip updates)")
    parser.add_argument("--network", required=True, help="the network that the daemon runs, in any of its forms")
    parser.add_argument("--routes", required=True, metavar="FILE", help="which links each route takes (JSON)")
    parser.add_argument("--trips", metavar="FILE", help="trips.txt of the static GTFS, where the feed tells trips alone")
    parser.add_argument("--daemon", default=os.environ.get("INTERGREEN_DAEMON"), metavar="ADDRESS")
    parser.add_argument("--credential", metavar="FILE", help="the token for it")
    parser.add_argument("--identity", help="name in the daemon's registry (gtfs-realtime)")
    parser.add_argument("--poll-s", type=float, default=10.0, help="how often the feeds are read (10)")
    parser.add_argument("--say-s", type=float, default=2.0, help="how often each vehicle asks (2)")
    parser.add_argument("--max-age-s", type=float, default=60.0, help="older positions are not used (60)")
    parser.add_argument("--off-route-m", type=float, default=40.0, help="farther from its links a vehicle is not on them")
    parser.add_argument("--assume-late-s", type=int, default=0, help="of vehicles whose lateness no feed tells (0)")
    parser.add_argument("--once", action="store_true", help="read and ask once, and end")
    parser.add_argument("--json", action="store_true", help="with --once: the counts as one JSON object")
    options = parser.parse_args()
    if not options.daemon:
        parser.error("say --daemon ADDRESS, or set INTERGREEN_DAEMON")
    return options


def project_of(routes, options):
    if routes.reference:
        return projection_of_points(routes.reference)
    found = projection_of_sumo(options.network) if options.network.endswith((".net.xml", ".xml")) else None
    if found is None:
        raise Error(f"{options.network}: says nothing of where on Earth it lies: give `reference` points in {options.routes}")
    return found


def main():
    options = options_read()
    try:
        network = Network.load(options.network)
        routes = Routes(network, options.routes, options.trips)
        fleet = Fleet(routes, project_of(routes, options), options)
        if not options.once:
            serve(fleet, options)
        now_s = time.time()
        poll(fleet, options, now_s)
        desk = Desk(options)
        say(fleet, desk, now_s)
        desk.close()
        counts = {name: fleet.counts[name] for name in (
            "feeds_read", "feeds_failed", "vehicles", "no_position", "stale", "unknown_route", "at_stop", "not_late",
            "off_route", "accepted", "refused")}
        print(json.dumps(counts) if options.json
              else ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items() if count))
        return 0 if fleet.counts["feeds_failed"] == 0 else 1
    except NotReachable as why:
        print(f"gtfs_realtime: {why}", file=sys.stderr)
        return 4
    except Error as why:
        print(f"gtfs_realtime: {why}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
