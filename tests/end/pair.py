"""A pair of daemons on one store, the controllers of a small city that know both, and stores of the centre's own: a
redis-server on a port, one behind Sentinel, one behind a wire that can be cut."""
import json
import os
import signal
import socket
import struct
import subprocess
import tempfile
import threading

from harness import BUILD, INTERGREEN, Daemon, run, wait_for
from wire_client import Client

CITY = 60                                                  # intersections, each with a controller
PLAYED = f"{CITY} reported, 0 overridden, 0 in fallback"
_city = None


def network():
    global _city
    if _city is None:
        _city = tempfile.mkdtemp(prefix="ig-pair-")
        run(INTERGREEN, "generate", "--no-demand", "--intersections", CITY, "--seed", 5, "-o", _city)
    return f"{_city}/network.ig"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Store:
    """A redis-server of the centre's own, on a port, so that it can be killed and come back."""

    def __init__(self, folder, *words, port=None):
        self.folder, self.port, self.words = folder, port or free_port(), words
        folder.mkdir(exist_ok=True)
        self.process = None

    def start(self):
        self.process = subprocess.Popen(["redis-server", "--port", str(self.port), "--dir", str(self.folder), "--save", "",
                                         *self.words], stdout=subprocess.DEVNULL)
        wait_for("the store", lambda: self.ask("PING") == "PONG")
        return self

    def ask(self, *words):
        return subprocess.run(["redis-cli", "-p", str(self.port), "--raw", *words], capture_output=True, text=True, timeout=30,
                              check=False).stdout.strip()

    def lease(self):
        return self.ask("GET", "intergreen:{pair}:lease")

    def epoch(self):
        found = self.ask("GET", "intergreen:{pair}:epoch").split(".")
        return int(found[0]) if len(found) == 2 else 0

    def kill(self):
        self.process.kill()
        self.process.wait()

    __enter__ = start

    def __exit__(self, *_):
        self.kill()


class Half(Daemon):
    """One daemon of a pair. It is ready when it leads or stands by."""

    def __init__(self, folder, store, over=None, **keys):
        folder.mkdir()
        self.port = free_port()
        keys = {"city": "pair", "standby": "yes", "store": store, "listen": f'[ "127.0.0.1:{self.port}" ]',
                "store_times": "{ answer_ms: 400, connect_ms: 1000 }", **keys}
        super().__init__(folder, over or network(), **keys)
        self.address = f"127.0.0.1:{self.port}"

    def answers(self):
        assert self.process.poll() is None, self.said()
        return "standby: " in self.said()

    def again(self):
        """Starts anew after a kill, with a log of its own."""
        (self.folder / "state" / "starts").unlink(missing_ok=True)      # no test of a pair is about crash loops
        self.log.close()
        (self.folder / "daemon.log").unlink()
        self.start()

    def leads(self):
        return self.said().count("ready: ") > self.said().count("steps down")


def status_of(daemon):
    done = subprocess.run([INTERGREEN, "status", "--daemon", daemon.address], capture_output=True, text=True, check=False)
    return done.stdout


class Pair:
    """Two halves and the city's controllers, who know both addresses."""

    def __init__(self, folder, store, **keys):
        self.halves = [Half(folder / name, store, **keys) for name in ("one", "two")]

    def __enter__(self):
        self.halves[0].start()
        wait_for("the first to lead", self.halves[0].leads)
        self.halves[1].start()
        addresses = ",".join(half.address for half in self.halves)
        self.load = subprocess.Popen([str(BUILD / "load"), "--network", network(), "--daemon", addresses, "--controllers",
                                      str(CITY), "--stations", str(CITY), "--readings", "8", "--cameras", "8",
                                      "--subscribe", "--seconds", "120"], stdout=subprocess.PIPE, text=True)
        return self

    def seen(self):
        self.load.send_signal(signal.SIGTERM)
        stdout, _ = self.load.communicate(timeout=60)
        first, last = stdout.strip().split("\n")
        return {**json.loads(first), **json.loads(last)}

    def served(self, half, words=f"{CITY} reported"):
        """Every controller reports to this half; with PLAYED: and plays a plan."""
        wait_for(f"all controllers: {words}", lambda: words in status_of(half), 40)

    def __exit__(self, *_):
        self.load.kill()
        self.load.wait()
        for half in self.halves:
            half.__exit__()


def safe(seen):
    """What no controller may ever see."""
    assert seen["plans_older"] == 0, seen
    assert seen["uncovered_ms_max"] <= 0, f"a controller's plan had run out for {seen['uncovered_ms_max']} ms"


class Sentinel:
    """A master, its replica, and one sentinel that watches them."""

    def __init__(self, folder):
        self.master = Store(folder / "master")
        self.replica = Store(folder / "replica", "--replicaof", "127.0.0.1", str(self.master.port))
        self.port, self.folder = free_port(), folder

    def __enter__(self):
        self.master.start()
        self.replica.start()
        wait_for("the replica to follow", lambda: "master_link_status:up" in self.replica.ask("INFO", "replication"))
        config = self.folder / "sentinel.conf"
        config.write_text(f"port {self.port}\ndir {self.folder}\nsentinel monitor city 127.0.0.1 {self.master.port} 1\n"
                          "sentinel down-after-milliseconds city 500\nsentinel failover-timeout city 3000\n")
        self.process = subprocess.Popen(["redis-server", str(config), "--sentinel"], stdout=subprocess.DEVNULL)
        wait_for("the sentinel to know the replica", lambda: "slaves=1" in self.ask("INFO", "sentinel"))
        return self

    def ask(self, *words):
        return subprocess.run(["redis-cli", "-p", str(self.port), "--raw", *words], capture_output=True, text=True, timeout=30,
                              check=False).stdout.strip()

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.replica.kill()
        self.master.kill()


class Wire:
    """A wire between a daemon and a store: it carries bytes, or is cut, reset, or swallows what it is given."""

    def __init__(self, to_port):
        self.to_port, self.how, self.open, self.dead = to_port, "carry", [], []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.how == "swallow":
                self.dead.append(near)                     # taken, and nothing comes back
                continue
            if self.how == "reset":
                self._reset(near)
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.to_port))
            except OSError:
                near.close()
                continue
            self.open += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one, other):
        try:
            while data := one.recv(65536):
                if self.how == "carry":
                    other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    @staticmethod
    def _reset(end):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.close()

    def become(self, how):
        self.how = how
        if how in ("reset", "carry"):
            for end in self.open + self.dead:
                try:
                    end.shutdown(socket.SHUT_RDWR) if how == "carry" else self._reset(end)
                except OSError:
                    pass
            self.open, self.dead = [], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.become("reset")


class Single(Half):
    """One daemon alone, on a store of the centre's own."""

    def __init__(self, folder, store, **keys):
        super().__init__(folder, store, standby="no", **keys)

    def answers(self):
        assert self.process.poll() is None, self.said()
        return "ready: " in self.said()


class City:
    """A daemon with controllers and stations, and what they saw."""

    def __init__(self, folder, store, environment=None, **keys):
        self.daemon = Single(folder / "daemon", store, **keys)
        self.daemon.environment = environment or {}

    def __enter__(self):
        self.daemon.start()
        self.load = subprocess.Popen([str(BUILD / "load"), "--network", network(), "--daemon", self.daemon.address,
                                      "--controllers", str(CITY), "--stations", str(CITY), "--readings", "8", "--cameras",
                                      "8", "--subscribe", "--seconds", "900"], stdout=subprocess.PIPE, text=True)
        wait_for("all controllers to report", lambda: f"{CITY} reported" in status_of(self.daemon), 40)
        return self

    def played(self):
        return PLAYED in status_of(self.daemon)

    def steps(self):
        with Client(self.daemon.address) as operator:
            operator.hello("operator")
            operator.send(status_request={"request": 1})
            status = operator.wait("status")
            return status.steps, status.readings_used

    def goes_on(self):
        """The engine steps and takes readings."""
        before = self.steps()
        wait_for("two steps", lambda: self.steps()[0] >= before[0] + 2)
        assert self.steps()[1] > before[1], "no reading was taken"

    def rss_mib(self):
        with open(f"/proc/{self.daemon.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1048576

    def seen(self):
        return Pair.seen(self)

    def __exit__(self, *_):
        self.load.kill()
        self.load.wait()
        self.daemon.__exit__()
