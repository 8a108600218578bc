"""Goal: the console shows in a real browser what the daemon knows (numbers with units, queues, lamps, plans, who leads, the
journal), says when the daemon does not answer, and goes on by itself when it does again."""
import hashlib
import http.client
import http.server
import json
import re
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request

import harness
from harness import INTERGREEN, run, test, wait_for
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
    with the state. The page gets a hand that presses, once, what the selector `press` finds."""

    def __init__(self, port, first=0, rounds=0, press=None):
        self.asked = 0
        between = self
        hand = """const waits = setInterval(() => {
            const found = document.querySelector(%s);
            if (found) { clearInterval(waits); found.click(); }
        }, 100);""" % json.dumps(press)

        class Hand(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                self.answer(urllib.request.Request(f"http://127.0.0.1:{port}{self.path}", data=body,
                                                   headers={"content-type": self.headers["content-type"]}))

            def do_GET(self):
                between.asked += self.path == "/api/state"
                if self.path.startswith("/api/") and first <= between.asked < first + rounds:
                    self.send_error(503)
                    return
                self.answer(f"http://127.0.0.1:{port}{self.path}")

            def answer(self, request):
                try:
                    with urllib.request.urlopen(request, timeout=10) as answer:
                        body, kind = answer.read(), answer.headers["content-type"]
                except urllib.error.HTTPError as error:
                    self.send_error(error.code)
                    return
                if press and self.path == "/console.js":
                    body += hand.encode()
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


def posted(port, body, path="/api/override", **headers):
    """The answer to what an operator asks for; or the code of a refusal by HTTP."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body if isinstance(body, bytes) else json.dumps(body).encode(),
                                     headers={"content-type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code


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
def an_override_by_the_console_is_an_operators(folder):
    running, port = served(folder, console_operates="yes", strategy="max-pressure")
    with running, Cabinet(running.address, "B1") as cabinet:
        network = asked(port, "/api/network")
        b1 = [at["name"] for at in network["intersections"]].index("B1")
        cabinet.report(len(network["intersections"][b1]["groups"]))
        hold = {"intersection": b1, "do": "stage", "stage": 1, "seconds": 60}

        def overridden():
            state = asked(port, "/api/state")
            return state["intersections"][b1][state["columns"].index("overridden")]

        wait_for("the report", lambda: asked(port, "/api/state")["intersections"][b1][7])
        answer = posted(port, hold)
        assert answer["accepted"] and answer["until_ms"] > 0 and answer["code"] == "", answer
        wait_for("the override", overridden)
        assert "console 127.0.0.1" in running.said(), running.said()
        assert posted(port, {"intersection": b1, "do": "end"})["accepted"]
        wait_for("its end", lambda: not overridden())
        for wrong, word in (({**hold, "stage": 99}, "stage"), ({**hold, "intersection": 9}, "intersection"),
                            ({**hold, "intersection": -1}, "intersection"), ({**hold, "do": "all"}, "do"),
                            ({**hold, "seconds": 0}, "seconds"), ({**hold, "seconds": 1e9}, "seconds"),
                            ({**hold, "do": "strategy", "strategy": "magic"}, "strategy"), ([], "JSON"), (b"{", "JSON"),
                            (b"[" * 4000, "JSON")):
            answer = posted(port, wrong)
            assert not answer["accepted"] and word in answer["text"] and answer["code"] == "field", (wrong, answer)
        # A page of somebody else's, a name made to point here, a form, too much, another place: not heard at all.
        for headers in ({"origin": "http://evil.example"}, {"host": "evil.example"}, {"content-type": "text/plain"},
                        {"origin": "null"}):
            assert posted(port, hold, **headers) == 403, headers
        assert posted(port, hold, origin=f"http://127.0.0.1:{port}")["accepted"]
        try:
            posted(port, b" " * 100000)
            raise AssertionError("a long body was taken")
        except (urllib.error.URLError, ConnectionError, http.client.HTTPException):
            pass
        assert posted(port, {"intersection": b1, "do": "end"})["accepted"]


@test
def the_console_asks_for_the_token_that_the_registry_asks_for(folder):
    token = "hunter2-hunter2"
    (folder / "peers.txt").write_text(f"desk-1 operator sha256:{hashlib.sha256(token.encode()).hexdigest()} *\n"
                                      f"B1 controller none intersection:B1\n")
    running, port = served(folder, console_operates="yes", registry=folder / "peers.txt")
    hold = {"intersection": 0, "do": "fallback", "seconds": 60, "identity": "desk-1"}
    with running:
        assert posted(port, {**hold, "token": "guess"})["code"] == "credential"
        assert posted(port, {**hold, "identity": "B1"})["code"] in ("credential", "role")
        assert posted(port, {**hold, "token": token})["accepted"]
        # By a proxy it comes from elsewhere: who is not in the registry is let in from this machine alone.
        assert posted(port, {**hold, "identity": "me"})["accepted"]
        assert posted(port, {**hold, "identity": "me"}, **{"x-forwarded-for": "10.0.0.9"})["code"] == "credential"
        assert token not in running.said()


def bad_reload(running):
    """Makes an alarm of the daemon."""
    running.config.write_text(running.config.read_text() + "no-such-key: 1\n")
    running.process.send_signal(signal.SIGHUP)


def fall_silent(running, port, name):
    """Makes an alarm of an intersection: its controller reports for some steps and leaves."""
    with Cabinet(running.address, name) as cabinet:
        groups, steps = len(set(cabinet.wait("fallback_table").green_group)), set()

        def reported():
            cabinet.report(groups)
            state = asked(port, "/api/state")
            if state["intersections"][cabinet.index][state["columns"].index("reported")]:
                steps.add(state["time_ms"])
            return len(steps) > 2
        wait_for("its reports", reported)


@test
def the_table_of_alarms_is_what_wants_attention(folder):
    running, port = served(folder, console_operates="yes", status_age_ms=1000)
    with running:
        assert asked(port, "/api/alarms")["alarms"] == []
        assert "No alarms are in force." in text_of(document(f"http://127.0.0.1:{port}/"), "alarms-count")
        fall_silent(running, port, "B1")
        bad_reload(running)
        table = wait_for("both alarms", lambda: (lambda t: t if len(t["alarms"]) == 2 else None)(asked(port, "/api/alarms")))
        # It is the table that the commands show, and the place of each intersection in the network.
        said = json.loads(run(INTERGREEN, "alarms", "--json", "--daemon", running.address)[0])
        names = [at["name"] for at in asked(port, "/api/network")["intersections"]]
        by_name = {alarm["intersection"]: alarm for alarm in table["alarms"]}
        assert by_name["B1"]["at"] == names.index("B1") and by_name[None]["at"] is None, table
        assert [{key: value for key, value in alarm.items() if key != "at"} for alarm in table["alarms"]] == said["alarms"]
        assert table["left_out"] == said["left_out"] == 0

        page = document(f"http://127.0.0.1:{port}/")
        lines = dict(re.findall(r'<tr data-alarm="(\d+)"(.*?)</tr>', page, re.S))
        silent, reload = lines[str(by_name["B1"]["id"])], lines[str(by_name[None]["id"])]
        assert "critical" in silent and "is silent" in silent and ">B1</button>" in silent and ">acknowledge</button>" in silent, silent
        assert "no-such-key" in reload and "the daemon" in reload, reload
        assert "2 alarms in force, 2 seen by nobody" in page and "<title>(2) " in page
        # B1 is an alarm and no more one of those that were never heard.
        assert "8 intersections: no report" in text_of(page, "remarks"), text_of(page, "remarks")

        # Each by its button; the second also leads to the intersection.
        for alarm, button in ((by_name[None], "seen"), (by_name["B1"], "where")):
            with Between(port, press=f'tr[data-alarm="{alarm["id"]}"] td.{button} button') as between:
                pressed = document(between.address)
            assert button == "seen" or re.search(r'id="detail".*?<h2>B1</h2>', pressed, re.S), pressed[-3000:]
        seen = wait_for("the acknowledgement", lambda: [alarm for alarm in asked(port, "/api/alarms")["alarms"] if alarm["acknowledged_by"]])
        assert [(alarm["id"], alarm["acknowledged_by"]) for alarm in seen] == [(by_name[None]["id"], "console")], seen
        page = document(f"http://127.0.0.1:{port}/")
        assert "seen by console, " in page and "2 alarms in force, 1 seen by nobody" in page and "<title>(1) " in page
        records = [json.loads(line) for line in (folder / "state" / "audit.jsonl").read_text().splitlines()]
        noted = [record for record in records if record["kind"] == "acknowledge"]
        assert [(record["who"], record["accepted"]) for record in noted] == [("console", True)] and "console 127.0.0.1" in noted[0]["from"], noted


@test
def an_acknowledgement_by_the_console_is_an_operators(folder):
    token = "hunter2-hunter2"
    (folder / "peers.txt").write_text(f"desk-1 operator sha256:{hashlib.sha256(token.encode()).hexdigest()} *\n")
    running, port = served(folder, console_operates="yes", registry=folder / "peers.txt")
    with running:
        bad_reload(running)
        alarm = wait_for("the alarm", lambda: asked(port, "/api/alarms")["alarms"])[0]["id"]
        ask = {"alarm": alarm, "identity": "desk-1", "token": token}

        def acknowledged(body, **headers):
            return posted(port, body, "/api/acknowledge", **headers)

        for wrong in ({**ask, "alarm": 0}, {**ask, "alarm": -1}, {**ask, "alarm": "all"}, {"token": token}, [], b"{"):
            answer = acknowledged(wrong)
            assert not answer["accepted"] and answer["code"] == "field", (wrong, answer)
        assert acknowledged({**ask, "token": "guess"})["code"] == "credential"
        assert "no such alarm" in acknowledged({**ask, "alarm": alarm + 9})["text"]
        assert acknowledged(ask, origin="http://evil.example") == 403
        assert asked(port, "/api/alarms")["alarms"][0]["acknowledged_by"] is None
        assert acknowledged(ask)["accepted"]
        assert asked(port, "/api/alarms")["alarms"][0]["acknowledged_by"] == "desk-1"


@test
def the_console_changes_nothing_unless_it_is_told_to(folder):
    running, port = served(folder)
    with running:
        assert posted(port, {"intersection": 0, "do": "fallback", "seconds": 60}) == 403
        assert posted(port, {"alarm": 1}, "/api/acknowledge") == 403
        assert asked(port, "/api/state")["operates"] is False
        bad_reload(running)
        wait_for("the alarm", lambda: asked(port, "/api/alarms")["alarms"])
        page = document(f"http://127.0.0.1:{port}/")
        assert "seen by nobody</td>" in page and ">acknowledge</button>" not in page
        assert re.search(r'<form[^>]* id="operator"[^>]* hidden|<form id="operator" hidden', page)


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
