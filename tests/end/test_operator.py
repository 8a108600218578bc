"""Goal: an operator's commands: alarms come, are acknowledged and end; the audit log tells who did what, and says where it
was tampered with; keys are made, renewed and revoked, and a reload takes them up; watch ends when it is told to."""
import datetime
import hashlib
import json
import os
import pty
import re
import signal
import subprocess
import time

import harness
from harness import INTERGREEN, INTERGREEND, run, test, wait_for
from town import Cabinet, daemon
from wire_client import Client, Closed

ZEROS = "0" * 64


def command(running, *words, code=0):
    return run(INTERGREEN, *words, "--daemon", running.address, code=code)


def alarms(running, *words):
    return json.loads(command(running, "alarms", "--json", *words)[0].strip().split("\n")[-1])["alarms"]


def records(running, *words):
    return json.loads(command(running, "audit", "show", "--json", *words)[0])["records"]


def verify_by_hand(path):
    """The chain as docs/operations.md tells it, written from there alone. The last number and hash."""
    before, number = ZEROS, 0
    for line in path.read_bytes().split(b"\n")[:-1]:
        record = json.loads(line)
        body, tail = line[:-(len(',"hash":""}') + 64)], line[-(len(',"hash":""}') + 64):]
        assert tail == f',"hash":"{hashlib.sha256(body).hexdigest()}"}}'.encode(), line
        assert record["previous"] == before and record["number"] == number + 1, line
        before, number = record["hash"], record["number"]
    return number, before


@test
def an_alarm_comes_is_acknowledged_and_ends(folder):
    with daemon(folder, store="none") as running:
        assert command(running, "alarms")[0] == "no alarms to show; 0 in force\n"
        running.config.write_text(running.config.read_text() + "no-such-key: 1\n")
        running.process.send_signal(signal.SIGHUP)
        alarm = wait_for("the alarm of a bad reload", lambda: alarms(running))[0]
        assert alarm["in_force"] and alarm["severity"] == "critical" and "no-such-key" in alarm["text"], alarm
        assert alarm["acknowledged_by"] is None and alarm["times"] == 1, alarm
        assert "no-such-key" in command(running, "status")[0]
        stdout, stderr = command(running, "alarms", "acknowledge", str(alarm["id"] + 9), code=1)
        assert "no such alarm" in stderr and stdout == ""
        command(running, "alarms", "acknowledge", str(alarm["id"]), "--identity", "anna")
        seen = alarms(running)[0]
        assert seen["in_force"] and seen["acknowledged_by"] == "anna" and seen["acknowledged_ms"] > 0, seen
        running.config.write_text(running.config.read_text().replace("no-such-key: 1\n", ""))
        running.process.send_signal(signal.SIGHUP)
        wait_for("the alarm to end", lambda: not alarms(running)[0]["in_force"])
        assert alarms(running, "--in-force") == []
        assert "acknowledged by anna" in command(running, "alarms")[0]
        kinds = [(record["kind"], record["who"], record["accepted"]) for record in records(running)]
        assert kinds == [("start", "daemon", True), ("reload", "daemon", False), ("acknowledge", "operator", False),
                         ("acknowledge", "anna", True), ("reload", "daemon", True)], kinds


@test
def a_controller_that_falls_silent_is_an_alarm_until_it_is_back(folder):
    with daemon(folder, store="none") as running:
        def reports(cabinet, seconds):
            groups = len(set(cabinet.wait("fallback_table").green_group))
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                cabinet.report(groups)
                time.sleep(0.3)
        with Cabinet(running.address, "B1") as cabinet:
            reports(cabinet, 3)
        alarm = wait_for("the alarm", lambda: alarms(running, "--intersection", "B1"))[0]
        assert "silent" in alarm["text"] and alarm["intersection"] == "B1", alarm
        assert alarms(running, "--intersection", "A0") == []
        with Cabinet(running.address, "B1") as cabinet:
            reports(cabinet, 3)
            assert not alarms(running, "--intersection", "B1")[0]["in_force"]


@test
def connections_that_were_refused_are_an_alarm_until_somebody_saw_it(folder):
    with daemon(folder, store="none", limits="{ connections: 2 }") as running:
        with Cabinet(running.address, "B1"), Cabinet(running.address, "A0"):
            wait_for("a refusal", lambda: subprocess.run([INTERGREEN, "alarms", "--daemon", running.address], check=False,
                                                         capture_output=True).returncode != 0)
        def list_of():
            done = subprocess.run([INTERGREEN, "alarms", "--json", "--daemon", running.address], check=False, capture_output=True)
            return json.loads(done.stdout)["alarms"] if done.returncode == 0 else None
        alarm = wait_for("room again", list_of)[0]
        assert alarm["in_force"] and "limit of 2" in alarm["text"] and alarm["intersection"] is None, alarm
        wait_for("the end", lambda: subprocess.run([INTERGREEN, "alarms", "acknowledge", str(alarm["id"]), "--daemon", running.address],
                                                   check=False, capture_output=True).returncode == 0)
        assert not wait_for("room again", list_of)[0]["in_force"]


@test
def the_audit_log_tells_who_did_what(folder):
    path = folder / "state" / "audit.jsonl"
    with daemon(folder, store="none") as running:
        command(running, "override", "set", "B1", "--fallback", "--seconds", "60", "--identity", "anna")
        command(running, "override", "set", "A0", "--stage", "0", "--identity", "berta")
        command(running, "override", "set", "B1", "--end", "--identity", "anna")
        for _ in range(3):                                   # said again and again: one record
            with Client(running.address) as operator:
                operator.hello("operator", identity="carla")
                for _ in range(3):
                    operator.send(priority_request={"request": 5, "vehicle": 77, "kind": 0, "link_name": "A1B1",
                                                    "lane_position": 0, "to_stop_mm": 90000, "speed_mmps": 9000,
                                                    "route_name": ["A1B1", "B1C1"]})
                    operator.wait("request_result")
                break
        told = wait_for("five records", lambda: (lambda all_: all_ if len(all_) >= 5 else None)(records(running)))
        assert [(record["kind"], record["who"], record.get("intersection")) for record in told[1:]] == [
            ("override", "anna", "B1"), ("override", "berta", "A0"), ("override", "anna", "B1"),
            ("priority", "carla", None)], told
        assert "its own program for 60 s" in told[1]["text"] and told[1]["accepted"], told[1]
        assert "hold stage 0" in told[2]["text"] and told[3]["text"] == "end the override", told
        assert "emergency vehicle 77 on A1B1" in told[4]["text"], told[4]
        assert [record["who"] for record in records(running, "--intersection", "B1")] == ["anna", "anna"]
        assert len(records(running, "--since", "1h")) == 5 and records(running, "--since", "2100-01-01") == []
        assert "berta" in command(running, "audit", "show")[0]
        assert "whole: 5 records" in command(running, "audit", "verify")[0]
    number, last = verify_by_hand(path)
    assert number == 6 and json.loads(path.read_text().split("\n")[-2])["kind"] == "end"
    stdout, _ = run(INTERGREEN, "audit", "verify", "--file", path)
    assert stdout == f"whole: 6 records, the last is 6:{last}\n", stdout
    with daemon(folder, store="none") as running:            # the chain goes on
        assert [record["kind"] for record in records(running)][-2:] == ["end", "start"]
        command(running, "audit", "verify", "--expect", f"6:{last}")
    assert verify_by_hand(path)[0] == 8


@test
def whoever_tampers_with_the_log_is_found(folder):
    path = folder / "state" / "audit.jsonl"
    with daemon(folder, store="none") as running:
        for seconds in range(10, 15):
            command(running, "override", "set", "B1", "--fallback", "--seconds", str(seconds))
    number, last = verify_by_hand(path)
    assert number == 7
    lines = path.read_text().split("\n")[:-1]

    def forged(line):
        """A record of another text with a hash that fits it."""
        body = line[:-(len(',"hash":""}') + 64)].replace("12 s", "99 s")
        return f'{body},"hash":"{hashlib.sha256(body.encode()).hexdigest()}"}}'

    def verify(changed, *words):
        path.write_text("".join(line + "\n" for line in changed))
        return run(INTERGREEN, "audit", "verify", "--file", path, *words, code=1)[1]

    assert "record 4" in verify(lines[:3] + [lines[3].replace("12 s", "99 s")] + lines[4:])
    assert "record 5" in verify(lines[:3] + [forged(lines[3])] + lines[4:])
    assert "record 3" in verify(lines[:2] + lines[3:])
    assert "record 1" in verify(lines[1:])
    assert "record 2" in verify([lines[0], lines[2], lines[1]] + lines[3:])
    assert "record 4" in verify(lines[:3] + ["nothing that is a record"] + lines[3:])
    assert "cut off" in verify(lines[:5], "--expect", f"7:{last}")
    path.write_text("\n".join(lines))                        # without the last newline: a crash in the middle of a line
    assert "not finished" in run(INTERGREEN, "audit", "verify", "--file", path, code=1)[1]
    with daemon(folder, store="none") as running:            # the next start takes it off and says so
        told = records(running)
        assert [record["kind"] for record in told][-2:] == ["loss", "start"], told
        command(running, "audit", "verify")
    path.write_text("\n".join(lines[:2] + lines[3:]) + "\n")
    with daemon(folder, store="none") as running:            # a broken chain is an alarm, and is kept as it is
        assert "broken at record 3" in alarms(running)[0]["text"]
        command(running, "audit", "verify", code=1)
    run(INTERGREEN, "audit", "verify", "--file", folder / "no-such-file", code=1)


@test
def only_operators_see_alarms_and_the_audit_log(folder):
    with daemon(folder, store="none") as running:
        for role in ("detector", "controller"):
            with Client(running.address) as peer:
                peer.hello(role, identity="box")
                for question in ("alarms_request", "audit_request", "alarm_acknowledge"):
                    peer.send(**{question: {"request": 1}})
                    assert peer.wait("error").code == 4, (role, question)      # ERROR_ROLE
        with Client(running.address) as operator:
            operator.hello("operator")
            operator.send(alarm_acknowledge={"request": 1})                    # nobody acknowledges all by mistake
            assert operator.wait("error").field == "id"


@test
def keys_are_made_renewed_and_revoked(folder):
    registry, token = folder / "peers", folder / "anna.token"
    run(INTERGREEN, "keys", "new", "anna", "--role", "operator", "--registry", registry, "-o", token)
    assert token.stat().st_mode & 0o777 == 0o600 and len(token.read_text().strip()) == 64
    secret, _ = run(INTERGREEN, "keys", "new", "cabinet-B1", "--role", "controller", "intersection:B1", "--registry",
                    registry)
    assert hashlib.sha256(secret.strip().encode()).hexdigest() in registry.read_text()
    assert secret.strip() not in registry.read_text() and token.read_text().strip() not in registry.read_text()
    registry.write_text("# a comment stays\n" + registry.read_text())
    listed = json.loads(run(INTERGREEN, "keys", "list", "--registry", registry, "--json")[0])["peers"]
    assert listed == [{"identity": "anna", "role": "operator", "proof": "token", "things": ""},
                      {"identity": "cabinet-B1", "role": "controller", "proof": "token", "things": "intersection:B1"}]
    assert "anna" in run(INTERGREEN, "keys", "new", "anna", "--role", "operator", "--registry", registry, code=1)[1]
    run(INTERGREEN, "keys", "new", "b", "--role", "king", "--registry", registry, code=2)
    run(INTERGREEN, "keys", "new", "b c", "--role", "operator", "--registry", registry, code=2)
    run(INTERGREEN, "keys", "new", "b", "--role", "detector", "loops", "--registry", registry, code=2)
    run(INTERGREEN, "keys", "revoke", "nobody", "--registry", registry, code=1)
    with daemon(folder, registry=registry, store="none") as running:
        anna = ("status", "--identity", "anna", "--credential", token)
        command(running, *anna)
        command(running, "status", "--identity", "anna", code=3)               # without her token
        assert "the token is wrong" in json.dumps(records(running)[-1])
        cabinet = Client(running.address)
        cabinet.hello("controller", identity="cabinet-B1", token=secret.strip().encode(), intersection=["B1"])
        watcher = Client(running.address)
        watcher.hello("operator", identity="anna", token=token.read_text().strip().encode())

        old = token.read_text()
        token.unlink()
        run(INTERGREEN, "keys", "renew", "anna", "--registry", registry, "-o", token)
        command(running, "status", "--identity", "anna", "--credential", token, code=3)   # not before the reload
        running.process.send_signal(signal.SIGHUP)
        assert watcher.wait("error").code == 3                                 # her session with the old one ends
        wait_for("the new token to be good", lambda: subprocess.run(
            [INTERGREEN, *anna, "--daemon", running.address], capture_output=True, check=False).returncode == 0)
        (folder / "old").write_text(old)
        command(running, "status", "--identity", "anna", "--credential", folder / "old", code=3)
        cabinet.send(plan_request={"request": 1, "intersection_name": "B1"})   # the others' sessions go on
        while cabinet.receive().WhichOneof("kind") not in ("plan", "error"):
            pass

        run(INTERGREEN, "keys", "revoke", "cabinet-B1", "--registry", registry)
        running.process.send_signal(signal.SIGHUP)
        assert cabinet.wait("error").code == 3
        try:
            while True:
                cabinet.receive()
        except Closed:
            pass
        assert registry.read_text().startswith("# a comment stays\n") and "cabinet-B1" not in registry.read_text()
        registry.write_text("anna operator sha256:12\n")                       # one that is wrong changes nothing
        running.process.send_signal(signal.SIGHUP)
        wait_for("the alarm", lambda: "registry" in running.said() and "not taken" in running.said())
        command(running, *anna)


@test
def watch_shows_the_city_and_one_intersection(folder):
    with daemon(folder, store="none") as running:
        stdout, _ = command(running, "watch", "--seconds", "0.5", "--every", "0.2")
        heads = [line for line in stdout.split("\n") if "strategy" in line]
        assert len(heads) == 3 and "0 of 9 intersections report" in heads[0], stdout
        stdout, _ = command(running, "watch", "B1", "--seconds", "0")
        assert stdout.count("\n") == 2 and stdout.split("\n")[1].startswith("B1 "), stdout
        assert "no such intersection" in command(running, "watch", "Z9", "--seconds", "0", code=3)[1]
        # A slip of the pen holds no other stage, and is no override.
        for words in (("--stage", "x"), ("--stage", "1.5"), ("--stage", ""), ("--stage", "1", "--seconds", "five")):
            assert "takes a" in command(running, "override", "set", "B1", *words, code=2)[1], words
        assert "no address" in run(INTERGREEN, "status", "--daemon", "nowhere", code=2)[1]
        run(INTERGREEN, "watch", "--seconds", "x", "--daemon", running.address, code=2)
        run(INTERGREEN, "watch", "--daemon", f"unix:{folder}/none.sock", code=4)

        process = subprocess.Popen([INTERGREEN, "watch", "--daemon", running.address], stdout=subprocess.PIPE)
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0

        ours, theirs = pty.openpty()                                           # on a terminal: q ends it
        process = subprocess.Popen([INTERGREEN, "watch", "B1", "--daemon", running.address], stdin=theirs,
                                   stdout=theirs)
        seen = b""
        while b"INTERSECTION" not in seen:
            seen += os.read(ours, 65536)
        os.write(ours, b"q")
        assert process.wait(timeout=30) == 0 and b"\x1b[H" in seen
        os.close(theirs)
        os.close(ours)


@test
def wrong_words_are_usage(folder):
    def hinted(*words):
        stdout, said = run(INTERGREEN, *words, code=2)
        lines = said.splitlines()
        assert stdout == "" and len(lines) == 2 and lines[0].startswith(f"intergreen {words[0]}: "), (words, said)
        assert lines[1] == f"`intergreen {words[0]} --help` tells the options.", (words, said)
        return lines[0]

    names = re.findall("^  ([a-z]+) ", run(INTERGREEN, "--help")[0], re.M)
    assert len(names) == 17 and "alarms" in names, names
    for name in names:
        assert "'--no-such-option'" in hinted(name, "--no-such-option")
        stdout, said = run(INTERGREEN, name, "--help")
        assert stdout.startswith(f"usage: intergreen {name} ") and said == "", (name, stdout, said)
    for words in (["alarms", "acknowledge"], ["alarms", "acknowledge", "x"], ["alarms", "off"], ["audit"],
                  ["audit", "burn"], ["audit", "show", "--since", "yesterday"], ["audit", "verify", "--expect", "5"], ["keys"],
                  ["keys", "list"], ["watch", "a", "b"]):
        hinted(*words)
    nobody = ("--daemon", "unix:/nobody")
    assert "one of --stage" in hinted("override", "set", "B1", *nobody)
    assert "--seconds" in hinted("override", "set", "B1", "--end", "--seconds", "-1", *nobody)
    said = hinted("override", "set", "B1", "--strategy", "foo", *nobody)
    assert "'foo'" in said and "max-pressure" in said and "adaptive" in said, said
    for words in (["sim", "--network", "n"], ["compare", "--network", "n"], ["replay", "day"]):
        _, said = run(INTERGREEN, *words, "--control", "program,no-such", code=2)
        assert "no strategy 'no-such'" in said or "no strategy 'program,no-such'" in said, said
        assert "max-pressure" in said, said
    said = run(INTERGREEND, "--no-such-option", code=2)[1]
    assert len(said.splitlines()) == 2 and "--no-such-option" in said and "--help" in said, said


@test
def times_are_local_with_their_zone_and_milliseconds_in_json(folder):
    with daemon(folder, store="none", strategy="max-pressure") as running:
        def at_home(*words):
            """What is printed in a zone of 5 h 45 min, and the same by --json."""
            zone = {**os.environ, "TZ": "NPT-5:45"}
            done = [subprocess.run([INTERGREEN, *words, *more, "--daemon", running.address], capture_output=True,
                                   text=True, check=True, timeout=30, env=zone).stdout for more in ([], ["--json"])]
            return done[0], json.loads(done[1])

        def check(text, ms):
            assert text.endswith("+05:45") and datetime.datetime.fromisoformat(text).timestamp() * 1000 == ms, (text, ms)

        said, told = at_home("override", "set", "B1", "--fallback", "--seconds", "600")
        first = datetime.datetime.fromisoformat(re.fullmatch(r"accepted until (\S+)\n", said)[1])
        assert told["accepted"] is True and said.endswith("+05:45\n"), (said, told)
        assert 0 <= told["until_ms"] / 1000 - first.timestamp() < 60 and abs(first.timestamp() - time.time() - 600) < 60, (said, told)
        command(running, "override", "set", "B1", "--end")

        def same():
            """Twice the same plan: it may be replaced between the two."""
            said, told = at_home("plan", "show", "A0")
            return (said, told) if f"plan {told['version']}," in said else None
        with Cabinet(running.address, "A0") as cabinet:
            cabinet.report(len(set(cabinet.wait("fallback_table").green_group)))
            cabinet.pull()
            said, told = wait_for("a plan twice", same)
        valid = re.search(r"valid from (\S+) to (\S+)\n", said)
        check(valid[1], told["valid_from_ms"])
        check(valid[2], told["valid_until_ms"])
        assert told["intersection"] == "A0" and len(told["greens"]) == said.count("  group "), (said, told)


@test
def the_programs_say_their_version(folder):
    version = re.search(r"^  version: '(.*)',$", (harness.ROOT / "meson.build").read_text(encoding="utf-8"), re.M)[1]
    assert run(INTERGREEN, "--version")[0] == f"intergreen {version}\n"
    assert run(INTERGREEND, "--version")[0] == f"intergreend {version}\n"


harness.main()
