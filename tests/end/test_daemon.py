"""Goal: the daemon serves real peers: plans pulled and pushed, a simulator's clock, operators, roles and tokens; bad input and
hostile peers get a clear error that costs nobody else anything; a configuration that is wrong is named with its line."""
import hashlib
import json
import pathlib
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request

import harness
from authority import Authority
from harness import INTERGREEND, run, test, wait_for
from town import Cabinet, Camera, all_written, daemon, fields, hash_of, lanes_into, redis, town
from wire_client import Client, Closed, now_ms, varint

FRAMING, VERSION, CREDENTIAL, ROLE, OWNER, UNKNOWN, FIELD, COLUMNS, READINGS = range(1, 10)
OVERLOADED, TIME_OUT = 12, 13


def answers(running):
    """The daemon still serves: a new peer gets a plan."""
    with Cabinet(running.address, "A0") as cabinet:
        assert cabinet.pull().epoch > 0


def refused(client, code, closes):
    """The next error; and, where it closes, the end of the stream."""
    error = client.wait("error")
    assert error.code == code and error.closing == closes and error.text, error
    if closes:
        try:
            while True:
                client.receive()
        except Closed:
            pass
    return error


@test
def plans_are_pulled_and_pushed(folder):
    with daemon(folder) as running:
        all_written(folder)
        with Cabinet(running.address, "B1") as cabinet:
            plan = cabinet.pull()
            assert plan.intersection == cabinet.index and plan.valid_until_ms > now_ms()
            cabinet.send(plan_subscription={"request": 2, "intersection": [cabinet.index]})
            cabinet.wait("plan")
            groups = len(set(plan.green_group))

            def pushed():
                cabinet.report(groups)
                cabinet.socket.settimeout(1.0)
                try:
                    return cabinet.wait("plan", 1).sequence > plan.sequence
                except (TimeoutError, AssertionError):
                    return False

            # Its reports make the engine hand over from the cabinet's own program: the new plan comes unasked.
            wait_for("a pushed plan", pushed)


@test
def a_plan_that_is_held_is_not_sent_again(folder):
    with daemon(folder) as running:
        all_written(folder)
        with Cabinet(running.address, "B1") as cabinet:
            def not_changed():
                plan = cabinet.pull()
                cabinet.send(plan_request={"request": 9, "intersection": cabinet.index, "epoch": plan.epoch,
                                           "daemon": plan.daemon, "sequence": plan.sequence})
                frame = cabinet.receive()
                return frame.WhichOneof("kind") == "plan_not_changed" and frame.plan_not_changed.request == 9

            wait_for("`not changed`", not_changed)


@test
def a_controller_is_given_its_fallback_and_plans_name_it_once_it_is_loaded(folder):
    """From acknowledgement on, and for that intersection alone; another one that refuses is sent its built-in program's."""
    with daemon(folder, store="none") as running, Client(running.address) as cabinet:
        indices = cabinet.hello("controller", intersection=["B1", "B2"]).intersection
        tables = {}
        while len(tables) < 2:
            table = cabinet.wait("fallback_table")
            tables[table.intersection] = table
        first, second = (tables[index] for index in indices)
        assert first.fallback > 0 and first.site_hash != 0 and first.site_hash != second.site_hash
        assert list(first.switch_days) == [255] and list(first.switch_at_s) == [0] and list(first.switch_program) == [0]
        cycle_ms = first.program_cycle_ms[0]
        assert len(first.green_group) == len(first.green_end_ms) > 1
        assert all(0 <= start < cycle_ms for start in first.green_start_ms)
        cabinet.send(fallback_acknowledgement={"intersection": indices[0], "fallback": first.fallback, "accepted": True})
        cabinet.send(fallback_acknowledgement={"intersection": indices[1], "fallback": second.fallback, "accepted": False,
                                               "text": "no room"})

        def plan_of(index):
            def asked():
                cabinet.send(plan_request={"request": 1, "intersection": index})
                while True:
                    frame = cabinet.receive()
                    if frame.WhichOneof("kind") in ("plan", "error"):
                        return frame.plan if frame.WhichOneof("kind") == "plan" else None
            return wait_for("a plan", asked)

        assert plan_of(indices[0]).fallback == first.fallback
        assert plan_of(indices[1]).fallback == 0
        wait_for("the refusal in the log", lambda: "refused the fallback table of B2: no room" in running.said())


@test
def an_operator_overrides_and_sees_it(folder):
    with daemon(folder) as running, Client(running.address) as operator:
        all_written(folder)
        operator.hello("operator", identity="anna")
        operator.send(override={"request": 4, "intersection_name": "B1", "kind": 3, "duration_ms": 60000})
        result = operator.wait("request_result")
        assert result.request == 4 and result.accepted, result
        wait_for("the override in Redis", lambda: fields(folder, "B1")["overridden"] == "yes")
        operator.send(status_request={"request": 5, "first_intersection": 0, "intersection_count": 100})
        status = operator.wait("status")
        assert status.request == 5 and status.intersections == 9 and len(status.intersection) == 9, status
        assert status.intersections_overridden == 1 and status.sessions_operator == 1, status


@test
def a_simulator_owns_the_clock(folder):
    with daemon(folder) as running, Client(running.address) as simulator, Client(running.address) as second:
        all_written(folder)
        operator = Client(running.address)
        operator.hello("operator")
        operator.send(status_request={"request": 1})
        network_hash = simulator_hash(running)
        simulator.hello("simulator", network_hash=network_hash, simulator={"begin_ms": 0, "step_ms": 1000, "fresh": True,
                                                                         "strategy": "max-pressure"})
        plans = 0
        for t_ms in range(1000, 61000, 1000):
            simulator.send(clock_advance={"t_ms": t_ms})
            reached = simulator.wait("clock_reached")
            assert reached.t_ms == t_ms, reached
            plans += reached.plans
        assert plans >= 9, plans
        wait_for("lockstep in Redis", lambda: hash_of(folder, "daemon")["mode"] == "lockstep")
        second.send(hello={"protocol": 1, "role": 4, "network_hash": network_hash, "simulator": {"begin_ms": 0, "step_ms": 1000}})
        assert "another simulator" in refused(second, ROLE, True).text
        simulator.send(clock_advance={"t_ms": 30000})
        assert refused(simulator, 15, False).text          # ERROR_CLOCK: it went back
        simulator.socket.close()
        wait_for("live again in Redis", lambda: hash_of(folder, "daemon")["mode"] == "live")
        operator.socket.close()


def simulator_hash(running):
    """The network's hash, from the Welcome of an operator."""
    with Client(running.address) as operator:
        return operator.hello("operator").network_hash


@test
def a_simulator_with_a_wrong_strategy_or_network_is_told(folder):
    with daemon(folder) as running, Client(running.address) as simulator, Client(running.address) as other:
        known = simulator_hash(running)
        simulator.send(hello={"protocol": 1, "role": 4, "network_hash": known,
                              "simulator": {"begin_ms": 0, "step_ms": 1000, "strategy": "magic"}})
        assert "magic" in refused(simulator, FIELD, True).text
        other.send(hello={"protocol": 1, "role": 4, "network_hash": known + 1, "simulator": {"begin_ms": 0, "step_ms": 1000}})
        refused(other, 14, True)                           # ERROR_NETWORK
        with Client(running.address) as third:             # The clock is free again.
            third.hello("simulator", network_hash=known, simulator={"begin_ms": 0, "step_ms": 1000})


@test
def a_frame_over_the_limit_costs_its_sender_alone(folder):
    with daemon(folder, limits="{ frame_bytes: 65536 }") as running, Camera(running.address, "B1") as good:
        with Client(running.address) as bad:
            bad.hello("detector")
            bad.send_bytes(varint(65537) + b"x" * 100)
            refused(bad, FRAMING, True)
        with Client(running.address) as bad:
            bad.send_bytes(b"\xff\xff\xff\xff\xff\xff")
            refused(bad, FRAMING, True)
        with Client(running.address) as bad:
            bad.send_bytes(b"GET / HTTP/1.1\r\nHost: somebody\r\nUser-Agent: a program that speaks another protocol\r\n\r\n")
            refused(bad, FRAMING, True)
        good.see(3)
        wait_for("the good peer's readings", lambda: int(hash_of(folder, "daemon").get("readings", 0)) > 0)


@test
def what_came_before_a_framing_error_stays(folder):
    with daemon(folder) as running:
        with Camera(running.address, "B1") as camera:
            camera.see(2)
            camera.send_bytes(b"\x00")                     # a frame of length 0
            refused(camera, FRAMING, True)
        wait_for("its readings", lambda: int(hash_of(folder, "daemon").get("readings", 0)) == len(lanes_into("B1")))


@test
def an_unknown_detector_is_named_and_the_others_count(folder):
    with daemon(folder) as running, Client(running.address) as client:
        welcome = client.hello("detector", detector=["A1B1_0/stop", "no-such-loop"])
        assert welcome.detector[0] >= 0 and welcome.detector[1] == -1, welcome
        assert list(client.wait("error", keep=lambda error: error.code == UNKNOWN).name) == ["no-such-loop"]
        client.observe(base_ms=now_ms() - 10, loop_detector=[welcome.detector[0], 999999], loop_end_ms=[0, 0],
                       loop_length_ms=[1000, 1000], loop_vehicles=[1, 1], loop_occupied_ms=[100, 100])
        error = refused(client, READINGS, False)
        assert error.refused_count == 1 and list(error.refused_row) == [1] and error.sequence == 1, error
        client.observe(base_ms=now_ms(), loop_detector=[welcome.detector[0]], loop_end_ms=[0, 0],
                       loop_length_ms=[1000], loop_vehicles=[1], loop_occupied_ms=[100])
        assert refused(client, COLUMNS, False).field.startswith("loop_")
        wait_for("the good reading", lambda: hash_of(folder, "daemon").get("readings") == "1")


@test
def a_plan_for_an_unknown_or_foreign_intersection_is_refused(folder):
    with daemon(folder) as running, Client(running.address) as client:
        all_written(folder)
        welcome = client.hello("controller", intersection=["B1", "Z9"])
        assert welcome.intersection[1] == -1, welcome
        assert list(client.wait("error").name) == ["Z9"]
        client.send(plan_request={"request": 3, "intersection": 4711})
        assert refused(client, UNKNOWN, False).request == 3
        client.send(plan_request={"request": 4, "intersection_name": "Z9"})
        assert refused(client, UNKNOWN, False).request == 4
        client.send(plan_request={"request": 5, "intersection_name": "A0"})
        assert refused(client, OWNER, False).request == 5
        client.send(plan_request={"request": 6, "intersection_name": "B1"})
        assert client.wait("plan").intersection == welcome.intersection[0]


@test
def a_role_may_do_its_own_work_alone(folder):
    with daemon(folder) as running:
        all_written(folder)
        with Camera(running.address, "B1") as camera:
            camera.send(override={"request": 1, "intersection_name": "B1", "kind": 3, "duration_ms": 1000})
            refused(camera, ROLE, False)
            camera.send(clock_advance={"t_ms": 1})
            refused(camera, ROLE, False)
        with Cabinet(running.address, "B1") as cabinet:
            cabinet.send(observations={"sequence": 1})
            refused(cabinet, ROLE, False)
        assert fields(folder, "B1")["overridden"] == "no"


@test
def slow_and_silent_peers_are_cut(folder):
    limits = "{ hello_ms: 300, partial_ms: 300, write_queue_bytes: 65536 }"
    with daemon(folder, limits=limits) as running:
        all_written(folder)
        with Client(running.address) as silent:
            refused(silent, TIME_OUT, True)
        with Camera(running.address, "B1") as slow:
            slow.send_bytes(varint(1000) + b"\x2a")
            refused(slow, TIME_OUT, True)
        deaf = Client(running.address)
        deaf.hello("operator")
        deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

        def cut():
            try:
                for _ in range(200):
                    deaf.send(status_request={"request": 1, "first_intersection": 0, "intersection_count": 9})
            except OSError:
                pass
            return "does not read" in running.said()

        wait_for("the peer that never reads to be cut", cut)
        deaf.socket.close()
        answers(running)


@test
def connections_beyond_the_limit_are_refused_with_a_word(folder):
    with daemon(folder, limits="{ connections: 8 }") as running:
        all_written(folder)
        wait_for("the harness to be gone", lambda: hash_of(folder, "daemon")["connections"] == "0")
        taken = [Client(running.address) for _ in range(8)]
        for client in taken:
            client.hello("operator")
        with Client(running.address) as late:
            refused(late, OVERLOADED, True)
        taken.pop().socket.close()

        def comes():
            try:
                with Client(running.address) as client:
                    return client.hello("operator")
            except (AssertionError, Closed, OSError):   # OSError: it was cut before its hello was out
                return None

        wait_for("room again", comes)
        for client in taken:
            client.send(status_request={"request": 1})
            assert client.wait("status").intersections == 9
            client.socket.close()


@test
def a_second_session_of_an_identity_ends_the_first_and_goes_on_counting(folder):
    with daemon(folder) as running, Camera(running.address, "B1", identity="box-7") as first:
        first.see(1)
        wait_for("its readings", lambda: int(hash_of(folder, "daemon").get("readings", 0)) > 0)
        with Camera(running.address, "B1", identity="box-7") as second:
            refused(first, 16, True)                       # ERROR_SUPERSEDED
            second.see(1)
        def counted_on():
            with Camera(running.address, "B1", identity="box-7") as third:
                return third.welcome.sequence_after >= 1 and third.welcome.source == first.welcome.source
        wait_for("the count to go on", counted_on)


@test
def the_registry_says_who_may_come(folder):
    token = b"open sesame"
    (folder / "peers").write_text(
        "# identity role proof things\n"
        f"box-1 detector sha256:{hashlib.sha256(token).hexdigest()} camera:A1B1_0/camera\n"
        f"cabinet controller none intersection:B1\n")
    with daemon(folder, registry=folder / "peers") as running:
        for wrong in ({"identity": "box-1"}, {"identity": "box-1", "token": b"guess"}):
            with Client(running.address) as client:
                client.send(hello={"protocol": 1, "role": 1, **wrong})
                refused(client, CREDENTIAL, True)
        with Client(running.address) as client:
            client.send(hello={"protocol": 1, "role": 3, "identity": "box-1", "token": token})
            refused(client, CREDENTIAL, True)              # a detector that would be an operator
        with Client(running.address) as client:
            welcome = client.hello("detector", identity="box-1", token=token, camera=["A1B1_0/camera", "A1B1_1/camera"])
            assert welcome.camera[0] >= 0 and welcome.camera[1] == -1, welcome
            assert client.wait("error").code == OWNER


@test
def off_the_machine_nobody_is_served_without_a_registry(folder):
    (folder / "c.yaml").write_text(f"network: {town()}\nlisten: [ '0.0.0.0:0' ]\n")
    _, said = run(INTERGREEND, "--config", folder / "c.yaml", "--check-config", code=1)
    assert "registry" in said and "0.0.0.0" in said, said


@test
def a_wrong_configuration_is_named_with_its_line(folder):
    cases = [
        ("network: x.xml\nstrategie: webster\n", ["line 2", "`strategie`", "`strategy`"]),
        ("network: x.xml\nlimits:\n  conections: 5\n", ["line 3", "`conections`", "`connections`"]),
        ("network: x.xml\nregions:\n  - name: a\n    stratgy: program\n", ["line 4", "`stratgy`", "`strategy`"]),
        ("network: x.xml\nstep_ms: fast\n", ["line 2", "step_ms", "100"]),
        ("network: x.xml\nstep_ms: 5\n", ["line 2", "100 to 60000"]),
        ("network: x.xml\nnetwork: y.xml\n", ["line 2", "twice"]),
        ("network: [\n", ["line", "YAML"]),
        ("network: x.xml\nlisten: " + "[ " * 100_000, ["line 2", "nested deeper than 32"]),
        ("strategy: webster\n", ["network", "missing"]),
        ("", ["empty"]),
        (f"network: {town()}\nstrategy: magic\n", ["magic", "webster"]),
        (f"network: {town()}\nlisten: [ 'nowhere' ]\n", ["nowhere", "HOST:PORT"]),
        (f"network: {town()}\nstore: redis//x\n", ["redis://"]),
        (f"network: {town()}\nregions: [ {{ name: Centre, strategy: webster }} ]\n", ["Centre", "no such region"]),
        (f"network: {town()}\nregistry: nobody.txt\n", ["nobody.txt", "No such file"]),
        (f"network: {town()}\nregistry: c.yaml\n", ["c.yaml", "line 1"]),
        ("network: missing.net.xml\n", ["missing.net.xml"]),
    ]
    for text, words in cases:
        (folder / "c.yaml").write_text(text)
        stdout, stderr = run(INTERGREEND, "--config", folder / "c.yaml", "--check-config", code=1)
        assert all(word in stderr for word in words), (text, stderr)
        said = [line for line in stderr.strip().split("\n") if " warning network: " not in line]
        assert not stdout and len(said) == 1, (text, stdout, stderr)
    run(INTERGREEND, code=2)
    run(INTERGREEND, "--config", folder / "nothing.yaml", code=1)


@test
def the_example_configuration_is_good_and_has_every_key(folder):
    example = (harness.ROOT / "docs" / "intergreend.yaml").read_text(encoding="utf-8")
    reference = (harness.ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    source = (harness.ROOT / "engine" / "config.c").read_text(encoding="utf-8")
    keys = set(re.findall(r'(?:TEXT|CYAML_FIELD_[A-Z_]+)\("(\w+)"', source)) | set(re.findall(r"NUMBER\(yaml_\w+, (\w+)\)", source))
    assert len(keys) > 30, keys
    for key in keys:
        assert re.search(rf"(^|[\s#{{-]){key}:", example, re.M), f"docs/intergreend.yaml lacks {key}"
        assert f"`{key}`" in reference, f"docs/configuration.md lacks {key}"
    # Every line that is commented out there is a default: with all of them in force the configuration is as good.
    (folder / "site").mkdir()
    (folder / "peers.txt").write_text("desk-1 operator none\n")
    Authority(folder).sign("daemon", "DNS:localhost")
    for text in (example, re.sub(r"^#(\s*[\w-]+:|\s*- )", r"\1", example, flags=re.M)):
        (folder / "c.yaml").write_text(re.sub(r"^network:.*", f"network: {town()}", text, flags=re.M))
        run(INTERGREEND, "--config", folder / "c.yaml", "--check-config")


@test
def a_hangup_reads_the_configuration_again(folder):
    with daemon(folder, strategy="program") as running:
        all_written(folder, plans=False)
        before = running.config.read_text()
        running.config.write_text(before.replace("strategy: program", "strategy: magic"))
        running.process.send_signal(signal.SIGHUP)
        wait_for("the refusal", lambda: "the old one stands" in running.said())
        wait_for("the old strategy in the store", lambda: hash_of(folder, "daemon").get("strategy") == "program")
        running.config.write_text(before.replace("strategy: program", "strategy: max-pressure"))
        running.process.send_signal(signal.SIGHUP)
        wait_for("the new strategy", lambda: hash_of(folder, "daemon").get("strategy") == "max-pressure")
        answers(running)


@test
def a_termination_ends_cleanly_and_tells_the_peers(folder):
    with daemon(folder) as running:
        all_written(folder)
        with Cabinet(running.address, "B1") as cabinet:
            assert running.process.poll() is None
            running.process.terminate()
            refused(cabinet, 17, True)                     # ERROR_SHUT_DOWN
        assert running.process.wait(timeout=30) == 0, running.said()
        assert not pathlib.Path(folder / "d.sock").exists()


@test
def two_daemons_do_not_share_a_folder(folder):
    with daemon(folder) as running:
        second = folder / "second.yaml"
        second.write_text(running.config.read_text().replace("d.sock", "e.sock"))
        _, said = run(INTERGREEND, "--config", second, code=1, timeout=30)
        assert "another intergreend" in said, said
        answers(running)


@test
def the_page_the_state_and_the_metrics_are_served(folder):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with daemon(folder, http=f"127.0.0.1:{port}") as running, Camera(running.address, "B1") as camera:
        all_written(folder)
        camera.see(4)

        def get(path):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return answer.headers, answer.read().decode()

        headers, page = get("/")
        assert "text/html" in headers["content-type"] and "Intergreen" in page and page.rstrip().endswith("</html>")
        assert "unsafe" not in headers["content-security-policy"], headers
        wait_for("the reading in the state", lambda: json.loads(get("/api/state")[1])["readings"] > 0)
        state = json.loads(get("/api/state")[1])
        assert len(state["intersections"]) == 9 and len(state["intersections"][0]) == len(state["columns"]), state
        assert state["sessions"]["detector"] == 1, state
        metrics = get("/metrics")[1]
        found = dict(line.rsplit(" ", 1) for line in metrics.split("\n") if line and not line.startswith("#"))
        assert float(found["intergreen_readings_total"]) == len(lanes_into("B1")), metrics
        assert float(found['intergreen_sessions{role="detector"}']) == 1 and float(found["intergreen_store_up"]) == 1
        assert get("/healthz")[1] == "ok\n"
        try:
            get("/etc/passwd")
            raise AssertionError("a page that is not there was served")
        except urllib.error.HTTPError as error:
            assert error.code == 404


if __name__ == "__main__":
    harness.main()
