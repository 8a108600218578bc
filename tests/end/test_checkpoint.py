"""Goal: a run that is saved and goes on in another process, on another number of threads and another instruction set,
ends with the same bytes as one that was never stopped, under every kind of control; and a checkpoint that is cut, damaged
or of something else is refused with a sentence."""
import json
import os

import harness
from harness import Daemon, INTERGREEN, run, sim, test

OUTPUTS = ("tripinfo.xml", "trips.csv")
CONTROLS = ("program", "max-pressure", "actuated", "actuated-local", "adaptive")


def city(folder):
    run(INTERGREEN, "generate", "--intersections", 30, "--seed", 5, "-o", folder / "city")
    return ["--network", folder / "city" / "network.ig", "--demand", folder / "city" / "demand.ig", "--begin", 27000,
            "--seconds", 900]


def saved(folder, town, control, *more):
    return sim(*town, "--control", control, "--save-checkpoint", folder / "x.cp", "--checkpoint-at", 27400, *more)


def refused(words, part):
    _, stderr = run(INTERGREEN, "sim", *words, "--quiet", code=1)
    assert part in stderr, stderr


@test
def goes_on_to_the_same_bytes(folder):
    town = city(folder)
    for control in CONTROLS:
        whole = saved(folder, town, control, "--out", folder / "whole")
        rest = sim(*town, "--control", control, "--load-checkpoint", folder / "x.cp", "--out", folder / "rest",
                   "--threads", 3)
        for name in OUTPUTS:
            assert (folder / "whole" / name).read_bytes() == (folder / "rest" / name).read_bytes(), (control, name)
        for key in whole:
            assert "wall" in key or key.endswith("per_s") or whole[key] == rest[key], (control, key, whole, rest)


@test
def with_lying_sensors_too(folder):
    town = city(folder)
    words = ["--sensing", "camera,loops,edges", "--camera-miscount", "0.2", "--message-loss", "0.1", "--message-delay",
             "7", "--dead-sensors", "0.1"]
    for step in ("1", "0.5"):
        whole = saved(folder, town, "max-pressure", *words, "--step-s", step, "--out", folder / "whole")
        rest = sim(*town, "--control", "max-pressure", *words, "--step-s", step, "--load-checkpoint", folder / "x.cp",
                   "--out", folder / "rest")
        for name in OUTPUTS:
            assert (folder / "whole" / name).read_bytes() == (folder / "rest" / name).read_bytes(), (step, name)
        assert whole["sensor_readings_delayed"] == rest["sensor_readings_delayed"] > 0, (whole, rest)
    refused([*town, "--control", "max-pressure", *words[:-1], "0.2", "--step-s", "0.5", "--out", folder / "rest",
             "--load-checkpoint", folder / "x.cp"], "faults")


@test
def on_another_instruction_set_too(folder):
    town = city(folder)
    saved(folder, town, "max-pressure", "--out", folder / "whole", "--threads", 2)
    os.environ["INTERGREEN_ISA"] = "v2"
    try:
        sim(*town, "--control", "max-pressure", "--load-checkpoint", folder / "x.cp", "--out", folder / "rest")
    except AssertionError as why:
        if "INTERGREEN_ISA" in str(why):
            raise harness.Skip("no such instruction set here")
        raise
    finally:
        del os.environ["INTERGREEN_ISA"]
    assert (folder / "whole" / OUTPUTS[0]).read_bytes() == (folder / "rest" / OUTPUTS[0]).read_bytes()


@test
def the_same_state_is_the_same_file(folder):
    town = city(folder)
    saved(folder, town, "program")
    first = (folder / "x.cp").read_bytes()
    saved(folder, town, "program", "--threads", 2)
    second = (folder / "x.cp").read_bytes()
    assert len(first) == len(second)      # the head and the time spent stepping differ, nothing else
    assert sum(a != b for a, b in zip(first, second)) < 64


@test
def refuses_what_is_not_its_own(folder):
    town = city(folder)
    saved(folder, town, "program")
    load = [*town, "--control", "program", "--load-checkpoint", folder / "x.cp"]
    good = (folder / "x.cp").read_bytes()
    for cut in (0, 7, 24, 200, len(good) // 2, len(good) - 1):
        (folder / "x.cp").write_bytes(good[:cut])
        refused(load, "checkpoint")
    for at in (3, 12, 20, 30, len(good) // 3, len(good) - 1):
        (folder / "x.cp").write_bytes(good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1:])
        refused(load, "checkpoint")
    (folder / "x.cp").write_bytes(good + b"x")
    refused(load, "not as long as it says")
    (folder / "x.cp").write_bytes(good)
    refused([*town, "--control", "actuated-local", "--load-checkpoint", folder / "x.cp"], "another kind of run")
    refused([*load, "--seed", 2], "another seed")
    refused([*load, "--step-s", 0.5], "another step")
    refused([*load, "--demand-scale", 0.5], "other trips departed")
    refused([*town[:-4], "--begin", 27100, "--seconds", 800, *load[8:]], "another begin")
    run(INTERGREEN, "generate", "--intersections", 30, "--seed", 6, "-o", folder / "other")
    refused(["--network", folder / "other" / "network.ig", "--demand", folder / "other" / "demand.ig", *load[4:]],
            "another network")
    refused([*town, "--load-checkpoint", folder / "none.cp"], "none.cp")
    refused([*town, "--save-checkpoint", folder / "y.cp", "--checkpoint-at", 99999], "the run lasts from")
    refused([*town, "--save-checkpoint", folder / "no" / "y.cp", "--checkpoint-at", 27100], "cannot be written")
    assert not (folder / "y.cp").exists()


@test
def a_brain_in_a_daemon_is_not_at_hand(folder):
    town = city(folder)
    with Daemon(folder, folder / "city" / "network.ig", store="none") as daemon:
        refused([*town, "--daemon", daemon.address, "--control", "max-pressure", "--save-checkpoint", folder / "x.cp",
                 "--checkpoint-at", 27100], "leave out --daemon")


if __name__ == "__main__":
    harness.main()
