"""A small town for the tests of the daemon: SUMO's grid of nine crossings, a daemon round it, and its Redis."""
import atexit
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from harness import Daemon, Skip, wait_for
from wire_client import Client, now_ms

_folder = None


def town():
    """A grid of 3 x 3 signalised crossings (A0 .. C2), two lanes a road, made by SUMO's netgenerate."""
    global _folder
    if _folder is None:
        if shutil.which("netgenerate") is None:
            raise Skip("netgenerate (package sumo) is not installed")
        _folder = tempfile.mkdtemp(prefix="ig-town-")
        atexit.register(shutil.rmtree, _folder, True)
        subprocess.run(["netgenerate", "--grid", "--grid.number", "3", "--grid.length", "200", "--grid.attach-length",
                        "200", "--default.lanenumber", "2", "--tls.set", "A0,A1,A2,B0,B1,B2,C0,C1,C2", "-o",
                        f"{_folder}/town.net.xml"], check=True, capture_output=True)
    return f"{_folder}/town.net.xml"


def lanes_into(name):
    """The lanes that lead into a crossing, as the network file names them."""
    text = pathlib.Path(town()).read_text(encoding="utf-8")
    edges = re.findall(rf'<edge id="(\w+)" from="\w+" to="{name}"', text)
    return [f"{edge}_{lane}" for edge in edges for lane in (0, 1)]


def daemon(folder, **keys):
    return Daemon(folder, town(), city="town", **keys)


def redis(folder, *words, socket=None):
    done = subprocess.run(["redis-cli", "--raw", "-s", socket or f"{folder}/state/redis.sock", *words], capture_output=True,
                          check=False, timeout=60, errors="replace", encoding="utf-8")
    return done.stdout.strip()


def names(folder):
    keys = redis(folder, "KEYS", "intergreen:{town}:intersection:*").split("\n")
    return sorted(key.rsplit(":", 1)[1] for key in keys if ":intersection:" in key)


def hash_of(folder, key):
    words = redis(folder, "HGETALL", f"intergreen:{{town}}:{key}").split("\n")
    return dict(zip(words[0::2], words[1::2]))


def fields(folder, name):
    return hash_of(folder, f"intersection:{name}")


def all_written(folder, plans=True):
    """Nine crossings and a plan of each in Redis."""
    wait_for("nine intersections in Redis", lambda: len(names(folder)) == 9)
    if plans:
        wait_for("nine plans in Redis", lambda: all(version_of(folder, name) > (0, 0, 0) for name in names(folder)))


def version(text):
    return tuple(int(part) for part in text.split("."))


def version_of(folder, name):
    return version(fields(folder, name).get("plan_version", "0.0.0"))


def epoch(folder):
    found = redis(folder, "GET", "intergreen:{town}:epoch")
    return version(found)[0] if re.fullmatch(r"\d+\.\d+", found) else 0


def redis_process(folder):
    found = re.search(r"process_id:(\d+)", redis(folder, "INFO", "server"))
    return int(found[1]) if found else 0


def gone(process):
    """Whether a process has ended (a zombie has)."""
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


class Cabinet(Client):
    """A signal controller of one crossing that plays its own program and reports red everywhere."""

    def __init__(self, address, name):
        super().__init__(address)
        self.index = self.hello("controller", intersection=[name]).intersection[0]
        assert self.index >= 0, self.welcome

    def pull(self):
        """The plan in force, as soon as there is one."""
        def asked():
            self.send(plan_request={"request": 1, "intersection": self.index})
            while True:
                frame = self.receive()
                if frame.WhichOneof("kind") == "plan":
                    return frame.plan
                if frame.WhichOneof("kind") == "error":
                    assert frame.error.code == 18 and frame.error.request == 1, frame.error      # ERROR_NO_PLAN
                    return None
        return wait_for("a plan", asked)

    def report(self, groups):
        self.send(controller_status={"intersection": self.index, "time_ms": now_ms(), "mode": 1, "stage": -1,
                                     "aspect": bytes([1] * groups), "age_ms": [60000] * groups})


class Camera(Client):
    """A video box that sees every lane into one crossing."""

    def __init__(self, address, name, **hello):
        super().__init__(address)
        lanes = lanes_into(name)
        self.hello("detector", camera=[f"{lane}/camera" for lane in lanes],
                   detector=[f"{lane}/stop" for lane in lanes], **hello)
        assert min(self.welcome.camera) >= 0 and min(self.welcome.detector) >= 0, self.welcome

    def see(self, queued):
        count = len(self.welcome.camera)
        self.observe(base_ms=now_ms() - 10, camera=self.welcome.camera, camera_end_ms=[0] * count,
                     camera_length_ms=[1000] * count, camera_in_view=[queued + 1] * count,
                     camera_queued=[queued] * count, camera_tail_mm=[7500 * queued] * count,
                     camera_through=[1] * count, camera_left=[0] * count, camera_right=[0] * count,
                     camera_u_turn=[0] * count)

    def count(self, vehicles, detectors=None):
        detectors = self.welcome.detector if detectors is None else detectors
        rows = len(detectors)
        self.observe(base_ms=now_ms() - 10, loop_detector=detectors, loop_end_ms=[0] * rows,
                     loop_length_ms=[1000] * rows, loop_vehicles=[vehicles] * rows, loop_occupied_ms=[200] * rows)
