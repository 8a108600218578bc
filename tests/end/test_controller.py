"""Goal: the reference controller lives with a real daemon (plays, survives its death, comes back, is told when its clock is
off), and `intergreen conformance` passes it and fails a controller that takes whatever comes.

The conformance runs take half a minute of real time each: they run beside the other subtests and are judged last.
"""
import re
import subprocess
import tempfile
import threading
import time

from harness import BUILD, INTERGREEN, main, run, test, wait_for
from town import Camera, daemon, gone, town
from wire_client import Client, Closed, now_ms

CONTROLLER = str(BUILD / "intergreen-controller")
GROUPS = 2                                                     # of a crossing of the town
_background = {}


def cabinet_file(folder, name="B1"):
    path = folder / f"{name}.cabinet"
    path.write_text(run(INTERGREEN, "cabinet", "--network", town(), name)[0])
    return path


class Reference:
    """The reference controller as a process; its lines as they come."""

    def __init__(self, folder, address, *words, name="B1"):
        self.lines = []
        self.process = subprocess.Popen([CONTROLLER, "--cabinet", str(cabinet_file(folder, name)), "--daemon", address,
                                         "--lamps", *words], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.strip())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=20)

    def said(self, pattern, seconds=30, after=0):
        """The first line from `after` on that matches."""
        found = wait_for(f"'{pattern}' from the controller, which said {self.lines}",
                         lambda: next(((i, line) for i, line in enumerate(self.lines)
                                       if i >= after and re.search(pattern, line)), None), seconds)
        return found

    def lamps(self):
        return [(int(line.split()[1]), line.split()[2], line.split()[3]) for line in self.lines
                if line.startswith("lamps")]


class Maker(Client):
    """A maker's first try: it takes every plan and every table, and shows red."""

    def __init__(self, address):
        super().__init__(address)
        self.running = (0, 0, 0)
        self.index = self.hello("controller", intersection=["B1"]).intersection[0]
        self.send(plan_subscription={"request": 1, "intersection": [self.index]})
        self.socket.settimeout(0.2)

    def report(self):
        epoch, number, sequence = self.running
        self.send(controller_status={"intersection": self.index, "time_ms": now_ms(), "mode": 0 if epoch else 1,
                                     "running_epoch": epoch, "running_daemon": number, "running_sequence": sequence,
                                     "stage": -1, "aspect": bytes([1] * GROUPS), "age_ms": [60000] * GROUPS})

    def turn(self):
        try:
            frame = self.receive()
        except TimeoutError:
            self.report()
            return
        kind = frame.WhichOneof("kind")
        if kind == "heartbeat":
            self.send(heartbeat={"clock_ms": now_ms(), "echo_clock_ms": frame.heartbeat.clock_ms})
        elif kind == "plan":
            plan = frame.plan
            self.running = (plan.epoch, plan.daemon, plan.sequence)
            self.send(plan_acknowledgement={"intersection": self.index, "epoch": plan.epoch, "daemon": plan.daemon,
                                            "sequence": plan.sequence, "answer": 0})
        elif kind == "fallback_table":
            self.send(fallback_acknowledgement={"intersection": self.index, "fallback": frame.fallback_table.fallback,
                                                "accepted": True})


def be_a_maker(address, conformance):
    while conformance.poll() is None:
        try:
            with Maker(address) as maker:
                while conformance.poll() is None:
                    maker.turn()
        except (OSError, Closed, AssertionError):
            time.sleep(0.1)


def start_in_the_background(folder):
    """Three conformance runs at once: the reference, the maker, and a reference whose clock is off."""
    if _background:
        return
    for name in ("reference", "maker", "clock"):
        address = f"unix:{folder}/{name}.sock"
        conformance = subprocess.Popen([INTERGREEN, "conformance", address, "--network", town(), "--wait-s", "20"],
                                       stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        wait_for("the address", lambda name=name: (folder / f"{name}.sock").exists())
        reference = None
        if name == "maker":
            threading.Thread(target=be_a_maker, args=(address, conformance), daemon=True).start()
        else:
            words = ["--clock-offset-ms", "5000"] if name == "clock" else []
            reference = Reference(folder, address, *words)
        _background[name] = (conformance, reference)


def judged(name):
    conformance, reference = _background[name]
    said, _ = conformance.communicate(timeout=120)
    if reference is not None:
        reference.__exit__()
    return conformance.returncode, said


def check_lamps(shown, intergreen_ms=3000, green_ms_min=5000):
    """Two groups that conflict: what was shown, by its own times."""
    ended = [None, None]
    began = [None, None]
    for t_ms, letters, _ in shown:
        assert not (letters[0] != "r" and letters[1] != "r"), (t_ms, letters, shown)
        for group in (0, 1):
            if letters[group] == "G" and began[group] is None:
                began[group] = t_ms
                other = ended[1 - group]
                assert other is None or t_ms - other >= intergreen_ms, (t_ms, shown)
            elif letters[group] != "G" and began[group] is not None:
                assert letters[group] == "y" and t_ms - began[group] >= green_ms_min, (t_ms, shown)
                began[group], ended[group] = None, t_ms


@test
def it_plays_under_a_daemon_and_survives_its_death(folder):
    start_in_the_background(_folder)
    with daemon(folder, store="none") as running, Camera(running.address, "B1") as camera, \
            Reference(folder, running.address) as controller:
        stop = threading.Event()

        def see():
            while not stop.is_set():
                try:
                    camera.see(8)
                except OSError:
                    return
                time.sleep(0.5)

        threading.Thread(target=see, daemon=True).start()
        controller.said("^fallback [0-9]+ loaded")
        controller.said("^plan .* accepted")
        controller.said("^lamps .* G.* plan|^lamps .*G plan", 30)
        status, _ = run(INTERGREEN, "status", "--daemon", running.address)
        assert "1 reported" in status and "1 controllers" in status, status
        stop.set()
        running.kill()
        mark, _ = controller.said("^link lost")
        assert controller.process.poll() is None
        running.start()
        again, _ = controller.said("^welcome", 30, mark)
        _, taken = controller.said("^plan .* accepted", 30, again)
        first = next(line for line in controller.lines if re.match("^plan .* accepted", line))
        assert int(taken.split()[1].split(".")[0]) > int(first.split()[1].split(".")[0]), (first, taken)
        # The link's loss shows in nothing: no change to fallback while the plan holds.
        kinds = [kind for _, _, kind in controller.lamps()]
        assert "fallback" not in kinds[kinds.index("plan"):], kinds
        assert not [line for line in controller.lines if "refused" in line], controller.lines
        check_lamps(controller.lamps())
        process = controller.process
    assert process.returncode == 0, process.returncode           # its own monitor saw no conflict
    assert gone(process.pid)


@test
def a_clock_that_is_off_gets_no_plan(folder):
    with daemon(folder, store="none") as running, \
            Reference(folder, running.address, "--pull", "--clock-offset-ms", "5000") as controller:
        controller.said("^error 18: your clock is more than 1 s off", 30)
        wait_for("the alarm in the log", lambda: "ms off" in running.said())


@test
def what_is_wrong_is_named(folder):
    path = cabinet_file(folder)
    path.write_text(path.read_text().replace("quantum_ms 1000", "quantum_ms 1000\nquantums 7"))
    _, said = run(CONTROLLER, "--cabinet", path, "--daemon", "unix:/nowhere", code=1)
    assert f"{path}: line 7" in said and "intergreen cabinet" in said, said
    run(CONTROLLER, "--cabinet", path, code=2)
    _, said = run(INTERGREEN, "cabinet", "--network", town(), "Z9", code=1)
    assert "Z9" in said, said
    _, said = run(INTERGREEN, "conformance", f"unix:{folder}/c.sock", "--network", town(), "--wait-s", "0.5", code=4)
    assert "nobody" in said, said
    run(INTERGREEN, "conformance", f"unix:{folder}/c.sock", code=2)


@test
def conformance_passes_the_reference(folder):
    start_in_the_background(_folder)
    code, said = judged("reference")
    assert code == 0 and "FAILED" not in said and ", 0 failed" in said, said
    assert len(re.findall("^ok ", said, re.M)) >= 34, said


@test
def conformance_fails_a_maker_that_takes_everything(folder):
    start_in_the_background(_folder)
    code, said = judged("maker")
    assert code == 1, said
    for case in ("refuses an older epoch", "refuses another site's plan", "refuses conflicting greens",
                 "refuses an intergreen that is too short", "shows exactly its greens", "falls back when its plan expires",
                 "refuses a fallback table with conflicting greens", "says the epoch that it has seen"):
        assert re.search(f"^FAILED {re.escape(case)}", said, re.M), (case, said)
    assert re.search("^ok +says hello", said, re.M), said
    assert not re.search(r"^FAILED .*\bok\b", said, re.M), said
    assert re.search("^FAILED refuses conflicting greens +accepted", said, re.M), said


@test
def conformance_sees_a_clock_that_is_off(folder):
    start_in_the_background(_folder)
    code, said = judged("clock")
    assert code == 1 and re.search("^FAILED keeps its clock +5[0-9]{3} ms off", said, re.M), said


if __name__ == "__main__":
    import pathlib
    with tempfile.TemporaryDirectory(prefix="ig-conf-") as name:
        _folder = pathlib.Path(name)
        main()
