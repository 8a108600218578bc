"""Goal: the console shows in a real browser what the daemon knows (numbers with units, queues, lamps, plans, who leads, the
journal), says when the daemon does not answer, and goes on by itself when it does again."""
import http.server
import json
import re
import socket
import subprocess
import threading
import urllib.error
import urllib.request

import harness
from harness import test, wait_for
from town import Cabinet, Camera, daemon, lanes_into

PATIENCE_MS = 9000                # of the browser's own clock, which stands while it waits for an answer


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def document(address, width=1280):
    """The document after its scripts ran, as Chromium holds it."""
    done = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},900",
                           f"--virtual-time-budget={PATIENCE_MS}", "--dump-dom", address], capture_output=True, text=True,
                          timeout=120, check=True)
    return done.stdout


def text_of(page, name):
    """What stands in the element of that id, without its tags."""
    inside = re.search(rf'<(\w+)[^>]* id="{name}".*?>(.*?)</\1>', page, re.S) or re.search(rf'<(\w+) id="{name}".*?>(.*?)</\1>', page, re.S)
    return re.sub(r"<[^>]+>", " ", inside[2])


class Between:
    """Stands between a browser and the daemon: from the `first` round on, `rounds` of them get no answer. A round begins
    with the state."""

    def __init__(self, port, first, rounds):
        self.asked = 0
        between = self

        class Hand(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                between.asked += self.path == "/api/state"
                if self.path.startswith("/api/") and first <= between.asked < first + rounds:
                    self.send_error(503)
                    return
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}{self.path}", timeout=10) as answer:
                        body, kind = answer.read(), answer.headers["content-type"]
                except urllib.error.HTTPError as error:
                    self.send_error(error.code)
                    return
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hand)
        self.address = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def served(folder, **keys):
    port = free_port()
    running = daemon(folder, http=f"127.0.0.1:{port}", **keys)
    return running, port


def asked(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return json.loads(answer.read())


@test
def the_network_its_queues_and_its_lamps_are_told(folder):
    running, port = served(folder, status_age_ms=60000)
    with running, Camera(running.address, "B1") as camera, Cabinet(running.address, "B1") as cabinet:
        network = asked(port, "/api/network")
        assert len(network["intersections"]) == 9 and network["hash"] == asked(port, "/api/state")["network_hash"]
        names = [at["name"] for at in network["intersections"]]
        groups = [at["groups"] for at in network["intersections"]]
        assert all(len(points) >= 4 and len(points) % 2 == 0 for *_, points in network["links"])
        # Each lane into a signal has a head, and each head a group that there is.
        lanes = {(network["links"][link][0], lane) for link, lane, _ in network["heads"]}
        assert {(lane.rsplit("_", 1)[0], int(lane.rsplit("_", 1)[1])) for lane in lanes_into("B1")} <= lanes
        assert all(0 <= group < sum(map(len, groups)) for *_, group in network["heads"])

        b1 = names.index("B1")
        count, first = len(groups[b1]), sum(map(len, groups[:b1]))
        cabinet.report(count)

        def seen():
            camera.see(4)
            live = asked(port, "/api/live")
            return live if live["detailed"] and any(live["queue_veh"]) and live["lamps"][first] == "r" else None
        live = wait_for("queues and lamps", seen)
        # Four vehicles stand on both lanes of each road into B1 and nowhere else; only B1 has reported.
        for (name, *_), queue in zip(network["links"], live["queue_veh"]):
            assert queue == (8 if f"{name}_0" in lanes_into("B1") else 0), (name, queue)
        assert live["lamps"][first:first + count] == "r" * count and live["lamps"].count("-") == len(live["lamps"]) - count

        cabinet.pull()
        plan = asked(port, f"/api/plan/{b1}")["plan"]
        assert plan["greens"] and all(0 <= group < count and start < end for group, _, start, end in plan["greens"]), plan
        assert plan["version"] == asked(port, "/api/state")["intersections"][b1][-1]
        for path in ("/api/plan/9", "/api/plan/-1", "/api/plan/", "/api/plan/1x", "/api/plan/99999999999999999999"):
            try:
                asked(port, path)
                raise AssertionError(f"{path} was answered")
            except urllib.error.HTTPError as error:
                assert error.code == 404, path


@test
def a_browser_shows_the_city(folder):
    running, port = served(folder)
    with running, Camera(running.address, "B1") as camera:
        camera.see(6)
        page = document(f"http://127.0.0.1:{port}/#B1")
        rows = re.findall(r'<tr data-index="\d+"', page)
        assert len(rows) == 9, page[-3000:]
        assert 'data-queued="4"' in page and "9 intersections: no report" in page
        detail = text_of(page, "detail")
        assert "B1" in detail and "veh/h" in detail and "approved by nobody" in detail, detail
        numbers = text_of(page, "numbers")
        assert all(unit in numbers for unit in (" veh", " veh/h", " /s", " ms", " MiB")), numbers
        assert re.search(r'id="lost"[^>]* hidden', page) and "stale" not in re.search(r"<body[^>]*>", page)[0]


@test
def who_looks_sees_that_the_daemon_is_gone_and_that_it_is_back(folder):
    running, port = served(folder)
    with running:
        for rounds, gone in ((1000, True), (2, False)):
            with Between(port, 3, rounds) as between:
                page = document(between.address)
                assert between.asked > 4, between.asked
                assert len(re.findall(r'<tr data-index="\d+"', page)) == 9, "the last picture is gone"
                assert ("stale" in re.search(r"<body[^>]*>", page)[0]) == gone
                assert bool(re.search(r'id="lost"[^>]* hidden', page)) != gone
                assert not gone or "What you see is from" in page


if __name__ == "__main__":
    harness.main()
