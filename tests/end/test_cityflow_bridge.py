"""Goal: the CityFlow bridge closes CityFlow's module around the daemon and judges it: by the calls that CityFlow documents, with
a clearance between any two phases, its own program beside ours, and errors that say what to do. The module is a mock of it.
"""
import json
import os
import subprocess

from cityflow_mock import DEMAND, roadnet
from harness import ROOT, main, test

BRIDGE = ROOT / "clients" / "cityflow_bridge.py"
MOCK = """
import atexit, json, os
import cityflow_mock
shown = []
class Engine(cityflow_mock.Engine):
    def next_step(self):
        super().next_step()
        shown.append(self.phase)
atexit.register(lambda: open(os.environ["SHOWN"], "w").write(json.dumps(shown)))
"""


def study(folder, clearance=True):
    """The files; without `clearance` the network has no phase in which right turns go alone, as Hangzhou's form."""
    path = roadnet(folder)
    if not clearance:
        document = json.loads(path.read_text())
        phases = [at for at in document["intersections"] if at["id"] == "c"][0]["trafficLight"]["lightphases"]
        del phases[0]
        path.write_text(json.dumps(document))
    (folder / "flow.json").write_text(json.dumps(DEMAND))
    (folder / "cityflow.py").write_text(MOCK)
    config = {"interval": 1.0, "seed": 0, "dir": f"{folder}/", "roadnetFile": path.name, "flowFile": "flow.json",
              "rlTrafficLight": False, "saveReplay": False}
    (folder / "config.json").write_text(json.dumps(config))
    return folder / "config.json"


def bridge(folder, *words, code=0, mock=True):
    paths = [str(folder)] * mock + [str(ROOT / "tests" / "end")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "SHOWN": str(folder / "shown.json")}
    done = subprocess.run(["/usr/bin/python3", str(BRIDGE), *map(str, words)], capture_output=True, text=True, check=False, env=env)
    assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout.strip().split("\n")[-1]) if code == 0 else done.stderr


def runs_of(shown):
    runs = []
    for phase in shown:
        if runs and runs[-1][0] == phase:
            runs[-1][1] += 1
        else:
            runs.append([phase, 1])
    return runs


@test
def strategies_are_judged_beside_cityflows_own_program(folder):
    config = study(folder)
    found = bridge(folder, "--config", config, "--strategy", "cityflow-program,adaptive", "--seconds", 900, "--json")
    own, adaptive = found["runs"]
    assert adaptive["time_on_entering_lanes_s"] < 0.8 * own["time_on_entering_lanes_s"], (own, adaptive)
    assert adaptive["average_travel_time_s"] < own["average_travel_time_s"], (own, adaptive)
    assert adaptive["plans_taken"] > 20 and adaptive["plans_refused"] == 0 and adaptive["readings_refused"] == 0, adaptive
    assert adaptive["vehicles"] > 500 and [line["strategy"] for line in found["summary"]] == ["cityflow-program", "adaptive"]
    # Nobody who drives 275 m at 10 m/s is faster than that; the wait to enter is counted by CityFlow alone.
    assert adaptive["time_on_entering_lanes_s"] > 27.0, adaptive


@test
def a_network_without_a_clearance_phase_gets_one(folder):
    config = study(folder, clearance=False)
    bridge(folder, "--config", config, "--strategy", "max-pressure", "--seconds", 400, "--json")
    runs = runs_of(json.loads((folder / "shown.json").read_text()))
    assert {phase for phase, _ in runs} == {0, 1, 2, 3, 4}, runs     # four of the file, and the one that was added
    for (before, _), (phase, length) in zip(runs, runs[1:-1]):
        assert phase == 4 or before == 4, runs
        assert phase != 4 or length >= 5, runs
    assert len(json.loads((folder / "roadnet.json").read_text())["intersections"]) == 5   # the user's file is as it was


@test
def a_run_repeats_with_files_named_one_by_one(folder):
    study(folder)
    words = ["--roadnet", folder / "roadnet.json", "--flow", folder / "flow.json", "--strategy", "webster", "--seconds", 200,
             "--seeds", 2, "--json"]
    first, again = bridge(folder, *words), bridge(folder, *words)
    for a, b in zip(first["runs"], again["runs"]):
        assert {key: a[key] for key in a if key != "wall_s"} == {key: b[key] for key in b if key != "wall_s"}, (a, b)
    assert [row["seed"] for row in first["runs"]] == [0, 1]


@test
def errors_say_what_to_do(folder):
    config = study(folder)
    assert "--roadnet and --flow" in bridge(folder, code=2)
    said = bridge(folder, "--config", config, code=1, mock=False)
    assert "cityflow" in said and "install" in said, said
    said = bridge(folder, "--config", folder / "none.json", code=1)
    assert "none.json" in said, said
    said = bridge(folder, "--config", config, "--daemon", "unix:/nowhere.sock", "--strategy", "webster", code=4)
    assert "unix:/nowhere.sock" in said and "is intergreend running" in said, said


if __name__ == "__main__":
    main()
