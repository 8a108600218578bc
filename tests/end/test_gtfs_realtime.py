"""Goal: buses of a GTFS-Realtime feed ask a real daemon for priority: late ones on their route are accepted, those that are
early, off their route, at a stop, old or of a route that nobody named ask for nothing; degrees become the network's metres
as theory, and SUMO's own projection, say; what is wrong is told by name.
"""
import argparse
import functools
import http.server
import json
import math
import sys
import threading
import time

from harness import DATA, ROOT, Daemon, Skip, main, run, test
from town import town

sys.path.insert(0, str(ROOT / "clients"))
CLIENT = ROOT / "clients" / "gtfs_realtime.py"
PYTHON = "/usr/bin/python3"
LAT, LON = 50.0, 8.0                 # of the network's (0, 0) in these tests
METRE = 180.0 / math.pi / 6371008.8  # in degrees of latitude


def client():
    import gtfs_realtime
    return gtfs_realtime


def degrees(x, y):
    return LAT + y * METRE, LON + x * METRE / math.cos(math.radians(LAT))


def bus(feed, name, x, y, route="12", direction=0, trip=None, age_s=0, **position):
    """A vehicle at a place of the network, in metres."""
    vehicle = feed.entity.add(id=name).vehicle
    vehicle.trip.trip_id, vehicle.trip.route_id, vehicle.trip.direction_id = trip or f"trip-{name}", route, direction
    vehicle.position.latitude, vehicle.position.longitude = degrees(x, y)
    for key, value in position.items():
        setattr(vehicle.position, key, value)
    vehicle.timestamp = int(time.time()) - age_s
    vehicle.vehicle.id = name
    return vehicle


def late(feed, name, seconds):
    update = feed.entity.add(id=f"update-{name}").trip_update
    update.trip.trip_id = f"trip-{name}"
    update.delay = seconds


def feed_new():
    feed = client().feed_message()()
    feed.header.gtfs_realtime_version = "2.0"
    feed.header.timestamp = int(time.time())
    return feed


def routes_write(folder, links=("A1B1", "B1C1"), **more):
    path = folder / "routes.json"
    path.write_text(json.dumps({"reference": [{"lat": LAT, "lon": LON, "x_m": 0.0, "y_m": 0.0}],
                                "routes": [{"route_id": "12", "direction_id": 0, "links": list(links)}], **more}))
    return path


def middle(network, name):
    """A point halfway along a link."""
    (ax, ay), (bx, by) = network.link(name).points[0], network.link(name).points[-1]
    return (ax + bx) / 2, (ay + by) / 2


class Served:
    """A folder over HTTP on the loopback."""

    def __init__(self, folder):
        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def ask(daemon, feed, routes, *words, code=0):
    stdout, stderr = run(PYTHON, CLIENT, "--once", "--json", "--daemon", daemon.address, "--network", town(), "--feed", feed,
                         "--routes", routes, *words, code=code)
    return json.loads(stdout) if stdout else None, stderr


@test
def late_buses_on_their_route_are_accepted(folder):
    from intergreen import Network
    network = Network.load(town())
    x, y = middle(network, "A1B1")
    feed = feed_new()
    bus(feed, "late", x, y + 3.0, bearing=90.0, speed=8.0)
    late(feed, "late", 180)
    bus(feed, "early", x, y)
    late(feed, "early", -20)
    bus(feed, "unknown-lateness", x, y)
    bus(feed, "far", x, y + 500.0)
    late(feed, "far", 180)
    bus(feed, "against", x, y, bearing=270.0)
    late(feed, "against", 180)
    bus(feed, "old", x, y, age_s=900)
    late(feed, "old", 180)
    bus(feed, "other", x, y, route="99")
    late(feed, "other", 180)
    bus(feed, "dwells", x, y).current_status = client().STOPPED_AT
    late(feed, "dwells", 180)
    gone = feed.entity.add(id="gone")
    gone.vehicle.SetInParent()
    (folder / "feed.pb").write_bytes(feed.SerializeToString())
    routes = routes_write(folder)
    with Daemon(folder, town(), store="none", strategy="adaptive") as daemon, Served(folder) as served:
        counts, _ = ask(daemon, f"{served.address}/feed.pb", routes)
        assert counts == {"feeds_read": 1, "feeds_failed": 0, "vehicles": 9, "no_position": 1, "stale": 1,
                          "unknown_route": 1, "at_stop": 1, "not_late": 2, "off_route": 2, "accepted": 1,
                          "refused": 0}, counts
        # Lateness may be assumed; positions and updates may come from two feeds, one of them a file.
        counts, _ = ask(daemon, folder / "feed.pb", routes, "--assume-late-s", "120")
        assert counts["accepted"] == 2, counts


@test
def what_is_wrong_is_told_by_name(folder):
    routes = routes_write(folder)
    (folder / "bad.pb").write_bytes(b"<html>not a feed</html>")
    (folder / "good.pb").write_bytes(feed_new().SerializeToString())
    with Daemon(folder, town(), store="none") as daemon, Served(folder) as served:
        _, said = ask(daemon, f"{served.address}/bad.pb", routes, code=1)
        assert "no GTFS-Realtime feed" in said, said
        _, said = ask(daemon, f"{served.address}/missing.pb", routes, code=1)
        assert "404" in said, said
        _, said = ask(daemon, folder / "good.pb", routes_write(folder, links=("A1B1", "C1B1")), code=1)
        assert "no lane leads from link A1B1 to link C1B1" in said, said
        _, said = ask(daemon, folder / "good.pb", routes_write(folder, links=("nowhere",)), code=1)
        assert "nowhere" in said, said
        _, said = ask(daemon, folder / "good.pb", routes_write(folder, reference=[]), code=1)
        assert "where on Earth" in said, said
    run(PYTHON, CLIENT, "--once", "--daemon", daemon.address, "--network", town(), "--feed", folder / "good.pb", "--routes",
        routes_write(folder), code=4)


@test
def a_bus_goes_on_between_two_answers(folder):
    """8 m/s, seen 5 s ago: 40 m farther; beyond the end of its route it asks no more. Without a speed it stays."""
    from intergreen import Network
    network = Network.load(town())
    x, y = middle(network, "A1B1")
    (folder / "trips.txt").write_text("route_id,service_id,trip_id,direction_id\n12,x,trip-late,0\n")
    gtfs = client()
    routes = gtfs.Routes(network, routes_write(folder), folder / "trips.txt")
    options = argparse.Namespace(max_age_s=60.0, off_route_m=40.0, assume_late_s=90)
    feed = feed_new()
    bus(feed, "late", x, y, route="", speed=8.0).trip.ClearField("route_id")
    fleet = gtfs.Fleet(routes, gtfs.projection_of_points(routes.reference), options)
    seen_s = feed.entity[0].vehicle.timestamp
    fleet.take([feed], seen_s)
    half_m = network.link("A1B1").length_m / 2
    for after_s, wanted_m in ((0.0, half_m), (5.0, half_m - 40.0)):
        request, = fleet.requests(seen_s + after_s)
        assert abs(request.to_stop_mm / 1000.0 - wanted_m) < 2.0, (after_s, request, wanted_m)
        assert list(request.route_name) == ["A1B1", "B1C1"] and request.late_s == 90, request
    request, = fleet.requests(seen_s + (half_m + 10.0) / 8.0)
    assert list(request.route_name) == ["B1C1"], request
    assert not list(fleet.requests(seen_s + 59.0)), "400 m on it has left its route"
    assert not list(fleet.requests(seen_s + 61.0)), "older than --max-age-s"


@test
def degrees_become_metres(_):
    """On the central meridian the equator is at 500 km and 0; the meridian arc to 45 degrees of WGS84 is 4,984,944.378 m,
    times 0.9996. Three reference points that turn and stretch the plane are met again."""
    gtfs = client()
    x, y = gtfs.utm(0.0, 9.0, 32)
    assert abs(x - 500000.0) < 1e-3 and abs(y) < 1e-3, (x, y)
    x, y = gtfs.utm(45.0, 9.0, 32)
    assert abs(x - 500000.0) < 1e-3 and abs(y - 0.9996 * 4984944.378) < 2e-3, (x, y)
    points = [{"lat": LAT + a, "lon": LON + b, "x_m": 100.0 + 3e4 * a - 5e4 * b, "y_m": -50.0 + 9e4 * a + 2e4 * b}
              for a, b in ((0.0, 0.0), (0.01, 0.0), (0.0, 0.02), (0.01, 0.01))]
    project = gtfs.projection_of_points(points)
    for point in points:
        x, y = project(point["lat"], point["lon"])
        assert abs(x - point["x_m"]) < 0.01 and abs(y - point["y_m"]) < 0.01, (point, x, y)


@test
def degrees_become_metres_as_in_sumo(_):
    sys.path.append("/usr/lib/python3/dist-packages")
    net = DATA / "cologne8" / "cologne8.net.xml"
    if not net.exists():
        raise Skip("the data cologne8 is not beside this checkout")
    try:
        import libsumo
    except ImportError:
        raise Skip("libsumo (package sumo-tools) is not installed") from None
    project = client().projection_of_sumo(str(net))
    libsumo.start(["sumo", "-n", str(net), "--no-step-log"])
    try:
        for x, y in ((13600.0, 16800.0), (14600.0, 18300.0), (14100.0, 17500.0)):
            lon, lat = libsumo.simulation.convertGeo(x, y)
            back = project(lat, lon)
            assert math.dist((x, y), back) < 0.05, (x, y, back)
    finally:
        libsumo.close()


if __name__ == "__main__":
    main()
