"""Goal: Redis holds the live state in readable fields and is never in the way: it is killed, stopped, filled, emptied, made a
replica and taken over, and ingest and plans go on; a killed daemon goes on from it with a higher epoch."""
import os
import shutil
import signal
import subprocess
import threading

import harness
from harness import Daemon, test, wait_for
from town import (Cabinet, Camera, all_written, daemon, epoch, fields, gone, hash_of, lanes_into, names, redis,
                  redis_process, town, version_of)
from wire_client import Client, messages, now_ms


def readings(folder):
    return int(hash_of(folder, "daemon").get("readings", 0))


def steps(running):
    """Steps of the engine, over the wire: Redis may be away."""
    with Client(running.address) as operator:
        operator.hello("operator")
        operator.send(status_request={"request": 1})
        return operator.wait("status").steps


def goes_on(running, camera):
    """Ingest and plans: the engine steps, takes readings, and serves a plan."""
    before = steps(running)
    camera.see(2)
    wait_for("the engine to step", lambda: steps(running) > before)
    with Cabinet(running.address, "A0") as cabinet:
        assert cabinet.pull().epoch > 0


@test
def state_stands_in_readable_fields(folder):
    with daemon(folder):
        all_written(folder)
        found = fields(folder, "B1")
        for name in ("queue_veh", "flow_vph", "confidence", "stage", "stage_name", "mode", "health", "plan_version",
                     "plan_kind", "plan_reason", "reported", "overridden", "updated"):
            assert name in found, (name, found)
        assert found["mode"] in ("plan", "fallback") and found["updated"].endswith("Z"), found
        about = hash_of(folder, "daemon")
        assert about["mode"] == "live" and about["intersections"] == "9", about
        assert redis(folder, "GET", "intergreen:{town}:epoch") == about["epoch"]


@test
def what_a_camera_sees_reaches_redis(folder):
    with daemon(folder) as running, Camera(running.address, "B1") as camera:
        all_written(folder)

        def queued():
            camera.see(6)
            found = fields(folder, "B1")
            return float(found["queue_veh"]) >= 6 and float(found["flow_vph"]) > 0

        wait_for("queue and flow in Redis", queued)


@test
def the_plan_in_redis_is_the_plan_on_the_wire(folder):
    with daemon(folder) as running, Cabinet(running.address, "B1") as cabinet:
        all_written(folder)

        def same():
            plan = cabinet.pull()
            raw = subprocess.run(["redis-cli", "--raw", "-s", f"{folder}/state/redis.sock", "GET",
                                  "intergreen:{town}:plan:B1"], capture_output=True, check=True).stdout
            return messages()["plan"].Plan.FromString(raw[:-1]) == plan      # redis-cli ends with a newline

        wait_for("the plan on the wire in Redis", same)


@test
def changes_are_published_and_minutes_are_streamed(folder):
    with daemon(folder) as running, Client(running.address) as operator:
        all_written(folder)
        known = operator.hello("operator").network_hash
        listener = subprocess.Popen(["redis-cli", "--raw", "-s", f"{folder}/state/redis.sock", "SUBSCRIBE",
                                     "intergreen:{town}:changes"], stdout=subprocess.PIPE, text=True)
        try:
            with Client(running.address) as simulator:
                simulator.hello("simulator", network_hash=known, simulator={"begin_ms": 0, "step_ms": 1000})
                loops = range(4)
                for t_ms in range(1000, 185000, 1000):
                    simulator.observe(base_ms=t_ms, loop_detector=loops, loop_end_ms=[0] * 4, loop_length_ms=[1000] * 4,
                                      loop_vehicles=[1] * 4, loop_occupied_ms=[200] * 4)
                    simulator.send(clock_advance={"t_ms": t_ms})
                    assert simulator.wait("clock_reached").t_ms == t_ms

                def streams():
                    keys = [key for key in redis(folder, "KEYS", "intergreen:{town}:minutes:*").split("\n") if key]
                    return [entry for key in keys if redis(folder, "XLEN", key) == "3"
                            for entry in [redis(folder, "XRANGE", key, "-", "+").split("\n")]]

                entry = wait_for("three minutes of counts", streams)[0]
            assert "1970-01-01T00:01:00Z" in entry, entry
            # 60 ticks of one vehicle each fall into the second minute: 60 s .. 119 s.
            assert "60" in entry[entry.index("1970-01-01T00:01:00Z"):], entry
            message = ""
            while '"changed"' not in message:
                message = listener.stdout.readline()
            assert '"time_ms"' in message and '["' in message, message
        finally:
            listener.kill()
            listener.wait()


@test
def a_killed_daemon_goes_on_with_the_stored_state_and_a_higher_epoch(folder):
    with daemon(folder) as running:
        all_written(folder)
        before, was = version_of(folder, "B1"), epoch(folder)
        server = redis_process(folder)
        running.kill(signal.SIGKILL)
        wait_for("the embedded server to end with its parent", lambda: gone(server))
        running.start()
        wait_for("plans of the new epoch", lambda: version_of(folder, "B1") > before)
        assert epoch(folder) == was + 1
        assert "9 plans read back, 9 taken up" in running.said(), running.said()


@test
def restarts_at_any_moment_are_consistent(folder):
    was = 0
    for _ in range(8):
        with daemon(folder) as running:
            wait_for("an epoch", lambda: epoch(folder) > was)
            was = epoch(folder)
            running.kill(signal.SIGKILL)
            (folder / "state" / "starts").unlink(missing_ok=True)   # This test is not about crash loops.


@test
def a_daemon_that_keeps_crashing_starts_cautiously(folder):
    with daemon(folder, strategy="max-pressure") as running:
        all_written(folder)
        running.kill(signal.SIGKILL)
        running.start()
        running.kill(signal.SIGKILL)
        assert "without the stored state" not in running.said()
        running.start()
        wait_for("the word", lambda: "without the stored state" in running.said())
        wait_for("the network's own programs", lambda: hash_of(folder, "daemon").get("strategy") == "program")


@test
def the_epoch_survives_the_loss_of_the_store(folder):
    with daemon(folder) as running:
        all_written(folder)
        was = epoch(folder)
        running.kill(signal.SIGTERM)
        shutil.rmtree(folder / "state" / "appendonlydir")
        running.start()
        all_written(folder)
        assert epoch(folder) == was + 1


@test
def a_controller_that_knows_a_newer_epoch_raises_ours(folder):
    with daemon(folder) as running, Client(running.address) as client:
        all_written(folder)
        client.hello("controller", intersection=["B1"], epoch_seen=40)
        wait_for("the epoch beyond it", lambda: epoch(folder) == 41)
        wait_for("plans of that epoch", lambda: version_of(folder, "B1") > (41, 0, 0))


@test
def a_killed_store_stops_neither_ingest_nor_plans(folder):
    # A server that starts only while a file is there: so that the store stays away for as long as the test looks.
    script = folder / "redis-late"
    script.write_text(f'#!/bin/sh\n[ -e "{folder}/allowed" ] || exit 1\nexec redis-server "$@"\n')
    script.chmod(0o755)
    (folder / "allowed").touch()
    with daemon(folder, redis_server=script) as running, Camera(running.address, "B1") as camera:
        all_written(folder)
        (folder / "allowed").unlink()
        server = redis_process(folder)
        os.kill(server, signal.SIGKILL)
        wait_for("the word", lambda: "Redis is away" in running.said())
        goes_on(running, camera)
        (folder / "allowed").touch()
        wait_for("another server", lambda: redis_process(folder) not in (0, server))
        wait_for("the readings of meanwhile", lambda: readings(folder) >= len(lanes_into("B1")))
        assert "the whole state is written again" in running.said()
        all_written(folder)


@test
def a_store_killed_again_and_again_comes_back(folder):
    with daemon(folder) as running, Camera(running.address, "B1") as camera:
        all_written(folder)
        for _ in range(4):
            server = redis_process(folder)
            os.kill(server, signal.SIGKILL)
            wait_for("another server", lambda: redis_process(folder) not in (0, server))
            before = hash_of(folder, "daemon").get("steps", "0")
            wait_for("writes", lambda: hash_of(folder, "daemon").get("steps", "0") > before or
                     int(hash_of(folder, "daemon").get("steps", "0")) > int(before))
        goes_on(running, camera)


@test
def a_stopped_store_is_noticed_and_caught_up(folder):
    with daemon(folder, store_times="{ answer_ms: 300 }") as running, Camera(running.address, "B1") as camera:
        all_written(folder)
        server = redis_process(folder)
        os.kill(server, signal.SIGSTOP)
        try:
            wait_for("the word", lambda: "no answer in time" in running.said())
            goes_on(running, camera)
        finally:
            os.kill(server, signal.SIGCONT)
        wait_for("the readings of meanwhile", lambda: readings(folder) >= len(lanes_into("B1")))


@test
def an_emptied_store_is_filled_again(folder):
    with daemon(folder) as running:
        all_written(folder)
        was = epoch(folder)
        redis(folder, "FLUSHALL")
        all_written(folder)
        assert epoch(folder) == was
        assert "lost what was written" in running.said()


@test
def a_full_store_is_an_alarm_and_then_goes_on(folder):
    with daemon(folder) as running, Camera(running.address, "B1") as camera:
        all_written(folder)
        redis(folder, "CONFIG", "SET", "maxmemory", "1")
        wait_for("the alarm", lambda: "ALARM store: Redis says out-of-memory" in running.said())
        goes_on(running, camera)
        redis(folder, "CONFIG", "SET", "maxmemory", "0")
        wait_for("the readings of meanwhile", lambda: readings(folder) >= len(lanes_into("B1")))
        wait_for("the word", lambda: "writes are taken again" in running.said())


@test
def a_replica_is_an_alarm_and_then_goes_on(folder):
    with daemon(folder) as running, Camera(running.address, "B1") as camera:
        all_written(folder)
        redis(folder, "REPLICAOF", "127.0.0.1", "1")
        wait_for("the alarm", lambda: "ALARM store: Redis says read-only" in running.said())
        goes_on(running, camera)
        redis(folder, "REPLICAOF", "NO", "ONE")
        wait_for("the readings of meanwhile", lambda: readings(folder) >= len(lanes_into("B1")))


@test
def a_key_of_another_program_costs_itself_alone(folder):
    with daemon(folder) as running, Camera(running.address, "B1") as camera:
        all_written(folder)
        redis(folder, "DEL", "intergreen:{town}:daemon")
        redis(folder, "SET", "intergreen:{town}:daemon", "mine")
        wait_for("the alarm", lambda: "some of what was written was refused" in running.said())
        goes_on(running, camera)
        redis(folder, "DEL", "intergreen:{town}:daemon")
        wait_for("the daemon's line", lambda: readings(folder) > 0)


@test
def a_server_that_was_left_running_is_adopted(folder):
    (folder / "state").mkdir()
    left = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", "redis.sock", "--dir", ".", "--save", ""],
                            cwd=folder / "state", stdout=subprocess.DEVNULL)
    try:
        wait_for("the server", lambda: redis(folder, "PING") == "PONG")
        with daemon(folder) as running:
            all_written(folder)
            assert f"left running (process {left.pid})" in running.said(), running.said()
            left.kill()
            left.wait()
            wait_for("a server of its own", lambda: redis_process(folder) not in (0, left.pid))
            all_written(folder)
    finally:
        left.kill()
        left.wait()


@test
def a_stranger_on_the_socket_is_left_alone(folder):
    (folder / "state").mkdir()
    (folder / "elsewhere").mkdir()
    stranger = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", f"{folder}/state/redis.sock", "--dir",
                                 f"{folder}/elsewhere", "--save", ""], stdout=subprocess.DEVNULL)
    try:
        wait_for("the server", lambda: redis(folder, "PING") == "PONG")
        running = daemon(folder)
        running.config.touch()
        _, said = harness.run(harness.INTERGREEND, "--config", running.config, code=1, timeout=30)
        assert "another program" in said, said
        assert redis(folder, "PING") == "PONG" and redis(folder, "DBSIZE") == "0"
    finally:
        stranger.kill()
        stranger.wait()


class Outside:
    """A redis-server of the centre's own, with a password where one is given."""

    def __init__(self, folder, *words):
        self.folder, self.words = folder, words
        folder.mkdir()
        self.socket = f"{folder}/redis.sock"

    def __enter__(self):
        self.process = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir",
                                         str(self.folder), "--save", "", *self.words], stdout=subprocess.DEVNULL)
        wait_for("the outside server", lambda: redis(None, "PING", socket=self.socket) != "")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


@test
def of_two_daemons_on_one_store_the_older_epoch_writes_nothing(folder):
    with Outside(folder / "outside") as outside:
        one, two = (Daemon(folder / name, town(), city="town", store=f"unix:{outside.socket}")
                    for name in ("one", "two") if (folder / name).mkdir() is None)
        with one:
            wait_for("the first to write", lambda: redis(None, "EXISTS", "intergreen:{town}:daemon",
                                                        socket=outside.socket) == "1")
            with two:
                def second_writes():
                    found = redis(None, "GET", "intergreen:{town}:epoch", socket=outside.socket)
                    return found.startswith("2.") and found
                stands = wait_for("the second to write", second_writes)
                wait_for("the first to fall silent", lambda: "another daemon leads" in one.said())
                before = steps(one)
                wait_for("the first to go on stepping", lambda: steps(one) > before + 1)
                found = redis(None, "HGET", "intergreen:{town}:daemon", "epoch", socket=outside.socket)
                assert found == stands, (found, stands)


@test
def a_wrong_password_is_an_alarm(folder):
    with Outside(folder / "outside", "--requirepass", "right", "--port", "0") as outside:
        with Daemon(folder, town(), city="town", store=f"unix:{outside.socket}",
                    store_times="{ restore_ms: 500 }") as running:
            wait_for("the alarm", lambda: "ALARM store: Redis says denied" in running.said())
            with Cabinet(running.address, "A0") as cabinet:
                wait_for("a plan", lambda: cabinet.pull().epoch > 0)


@test
def a_store_that_is_not_there_does_not_hold_up_the_start(folder):
    with Daemon(folder, town(), city="town", store=f"unix:{folder}/nobody.sock",
                store_times="{ restore_ms: 300 }") as running:
        assert "did not answer within 300 ms" in running.said(), running.said()
        with Cabinet(running.address, "A0") as cabinet:
            assert cabinet.pull().epoch > 0


if __name__ == "__main__":
    harness.main()
