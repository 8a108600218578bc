"""Goal: what goes into a run and what comes out of it: sensors that lie, files that SUMO's own tools read, files of SUMO's
users that are broken, and the words on the terminal."""
import harness
from harness import Daemon, INTERGREEN, run, sim, test


def city(folder, intersections=9):
    """A small generated city: (words for sim, its network)."""
    run(INTERGREEN, "generate", "--intersections", intersections, "--seed", "5", "-o", folder / "city")
    network, demand = folder / "city" / "network.ig", folder / "city" / "demand.ig"
    return ["--network", network, "--demand", demand, "--begin", "27000", "--seconds", "600"], network


@test
def lying_sensors_lie_the_same_through_a_daemon(folder):
    words, network = city(folder)
    (folder / "faults").write_text("loops */advance loss 0.2 miscount 0.2\nloops */stop chatter 0.1 delay 2 jitter 3\n"
                                   "both * dead every 300 for 30  # now and then\ncameras * noise 0.1\n")
    words += ["--control", "max-pressure", "--sensing", "both", "--sensor-faults", folder / "faults",
              "--camera-miscount", "0.1"]
    near = sim(*words, "--out", folder / "near")
    assert near["sensor_readings_lost"] > 0 and near["sensor_readings_delayed"] > 0, near
    assert near["sensor_readings_altered"] > 0.05 * near["sensor_readings"], near
    with Daemon(folder, network) as daemon:
        far = sim(*words, "--out", folder / "far", "--daemon", daemon.address)
    assert near["sensor_readings_lost"] == far["sensor_readings_lost"], (near, far)
    trips = [(folder / name / "trips.csv").read_bytes() for name in ("near", "far")]
    assert trips[0] == trips[1], "the daemon's brain was told otherwise"
    true = sim(*words[:-4], "--out", folder / "true")
    assert (folder / "true" / "trips.csv").read_bytes() != trips[0], "the faults changed nothing"
    assert true["sensor_readings_lost"] == 0, true


@test
def five_lost_messages_of_a_hundred(folder):
    words, _ = city(folder)
    result = sim(*words, "--message-loss", "0.05")
    share = result["sensor_readings_lost"] / result["sensor_readings"]
    assert 0.045 < share < 0.055, share


@test
def a_wrong_fault_plan_is_told_with_its_line(folder):
    words, _ = city(folder)
    (folder / "faults").write_text("loops * loss 0.1\nloops * brokn\n")
    _, said = run(INTERGREEN, "sim", *words, "--sensor-faults", folder / "faults", code=2)
    assert "line 2" in said and "brokn" in said and "chatter" in said, said
    (folder / "faults").write_text("loops nobody/stop dead\n")
    _, said = run(INTERGREEN, "sim", *words, "--sensor-faults", folder / "faults", code=1)
    assert "nobody/stop" in said, said


if __name__ == "__main__":
    harness.main()
