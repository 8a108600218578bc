"""Goal: whatever becomes of Redis or of the daemon, plans flow: ingest and plans go on from memory, what waits is bounded, and
all is caught up when Redis is back. Each row of the faults that names Redis or a killed daemon, with its figure.

Short here; with CHAOS=1 (`./dev chaos`) the full figures: stops of 60 s, five rounds (CHAOS_ROUNDS), 1,000 kills (CHAOS_KILLS), and a
line for each time.
"""
import os
import random
import signal
import subprocess
import time

import harness
from harness import test, wait_for
from pair import CITY, City, Pair, Single, Store, Wire, safe

CHAOS = os.environ.get("CHAOS") == "1"
STOP_S = 60 if CHAOS else 0                                # of a Redis that stands still
KILLS = int(os.environ.get("CHAOS_KILLS", "1000")) if CHAOS else 12
ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "5")) if CHAOS else 1


def fresh(store, daemon_steps):
    """Whether the daemon's line in the store is of now: the steps that it tells are past that number."""
    found = store.ask("HGET", "intergreen:{pair}:daemon", "steps")
    return found.isdigit() and int(found) > daemon_steps


def figure(what, value, limit, unit):
    print(f"# {what}: {value:.2f} {unit} (at most {limit})", flush=True)
    assert value <= limit, f"{what}: {value:.2f} {unit}, more than {limit}"


def away(city):
    return city.daemon.said().count("Redis is away")


def caught_up(city, store, name, steps):
    back = time.monotonic()
    wait_for("writes", lambda: fresh(store, steps - 1))
    figure(f"{name}: back after its return", time.monotonic() - back, 2.0, "s")


def cut(city, store, name, detected_s, how, undo, stays_s=0):
    """Redis goes in one way and comes back: the figures of the row."""
    memory, said, began = city.rss_mib(), away(city), time.monotonic()
    how()
    wait_for("the word", lambda: away(city) > said)
    figure(f"{name}: detected", time.monotonic() - began, detected_s, "s")
    city.goes_on()
    while time.monotonic() - began < stays_s:
        city.goes_on()
    figure(f"{name}: memory more", city.rss_mib() - memory, 32, "MiB")
    steps = city.steps()[0]
    undo()
    caught_up(city, store, name, steps)


@test
def redis_goes_in_every_way_and_comes_back(folder):
    with Store(folder / "store") as store, Wire(store.port) as wire, \
            City(folder, f"redis://127.0.0.1:{wire.port}", store_times="{ connect_ms: 2000 }") as city:
        for _ in range(ROUNDS):
            cut(city, store, "killed", 1.5, store.kill, store.start)
            # 250 ms until it is asked, 700 ms for the answer, and a busy machine.
            cut(city, store, "stopped", 1.5, lambda: store.process.send_signal(signal.SIGSTOP),
                lambda: store.process.send_signal(signal.SIGCONT), STOP_S)
            cut(city, store, "reset", 1.5, lambda: wire.become("reset"), lambda: wire.become("carry"))
            cut(city, store, "swallowed", 3.0, lambda: wire.become("swallow"), lambda: wire.become("carry"))
        was = store.epoch()
        store.ask("FLUSHALL")
        began = time.monotonic()
        wait_for("all intersections", lambda: len(store.ask("KEYS", "*:intersection:*").split()) == CITY)
        figure("emptied: filled again", time.monotonic() - began, 2.0, "s")
        assert store.epoch() == was
        safe(city.seen())


@test
def what_redis_may_say_is_an_alarm_and_no_more(folder):
    with Store(folder / "store", "--enable-protected-configs", "yes") as store, \
            City(folder, f"redis://127.0.0.1:{store.port}") as city:

        def said_and_taken_back(name, bad, good):
            before = len(city.daemon.said())
            bad()
            wait_for("the alarm", lambda: f"ALARM store: Redis says {name}" in city.daemon.said()[before:])
            city.goes_on()
            good()
            caught_up(city, store, name, city.steps()[0])

        def set_all(*pairs, account=()):
            for pair in pairs:
                store.ask(*account, "CONFIG", "SET", *pair)

        def locked():
            set_all(("requirepass", "word"))
            store.ask("-a", "word", "CLIENT", "KILL", "TYPE", "normal")

        def no_snapshot():                                 # every write is refused with MISCONF
            (folder / "store" / "gone").mkdir()
            set_all(("dir", f"{folder}/store/gone"), ("save", "1 1"))
            (folder / "store" / "gone").rmdir()

        said_and_taken_back("denied", locked, lambda: set_all(("requirepass", ""), account=("-a", "word")))
        said_and_taken_back("out-of-memory", lambda: set_all(("maxmemory", "1")), lambda: set_all(("maxmemory", "0")))
        said_and_taken_back("disk", no_snapshot, lambda: set_all(
            ("dir", f"{folder}/store"), ("save", ""), ("stop-writes-on-bgsave-error", "no")))
        said_and_taken_back("read-only", lambda: store.ask("REPLICAOF", "127.0.0.1", "1"),
                            lambda: store.ask("REPLICAOF", "NO", "ONE"))
        # And one that reads its own disk, when it is back.
        for i in range(40):
            store.ask("SET", f"filler-{i}", "x" * 4096)
        store.ask("SAVE")
        store.kill()
        store.process = subprocess.Popen([*store.process.args, "--key-load-delay", "15000", "--rdbcompression", "no",
                                          "--loading-process-events-interval-bytes", "1024"], stdout=subprocess.DEVNULL)
        wait_for("the word", lambda: "Redis says loading" in city.daemon.said())
        city.goes_on()
        steps = city.steps()[0]
        wait_for("writes", lambda: fresh(store, steps), 60)
        safe(city.seen())


@test
def a_daemon_killed_at_any_moment_starts_consistent(folder):
    draw = random.Random(1)
    slowest = 0.0
    with Store(folder / "store") as store, Single(folder / "daemon", f"redis://127.0.0.1:{store.port}") as daemon:
        last = 0
        for _ in range(KILLS):
            time.sleep(draw.uniform(0.0, 0.4))
            daemon.kill()
            (folder / "daemon" / "state" / "starts").unlink(missing_ok=True)     # this test is not about crash loops
            said = len(daemon.said())
            began = time.monotonic()
            daemon.log.close()
            daemon.log = open(folder / "daemon" / "daemon.log", "ab")
            daemon.process = subprocess.Popen([harness.INTERGREEND, "--config", str(daemon.config)],
                                              stdin=subprocess.DEVNULL, stdout=daemon.log, stderr=daemon.log)
            wait_for("ready", lambda said=said: "ready: " in daemon.said()[said:])
            slowest = max(slowest, time.monotonic() - began)
            epoch = int(daemon.said()[said:].split("; epoch ")[1].split(".")[0])
            assert epoch > last, f"epoch {epoch} after {last}"
            last = epoch
            assert "ALARM" not in daemon.said()[said:], daemon.said()[said:]
    figure(f"slowest of {KILLS} starts", slowest, 1.0 if CHAOS else 5.0, "s")


@test
def leaders_killed_again_and_again_are_followed(folder):
    if not CHAOS:
        raise harness.Skip("once in test_daemon_pair.py; again and again in ./dev chaos")
    with Store(folder / "store") as store, Pair(folder, f"redis://127.0.0.1:{store.port}") as pair:
        leader, follower = pair.halves
        pair.served(leader)
        for _ in range(ROUNDS):
            leader.kill()
            began = time.monotonic()
            wait_for("the other to lead", follower.leads)
            figure("the other leads", time.monotonic() - began, 3.0, "s")
            pair.served(follower)
            leader.again()
            leader, follower = follower, leader
        safe(pair.seen())


if __name__ == "__main__":
    harness.main()
