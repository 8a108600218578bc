"""Goal: of two daemons on one store one leads. It is killed, stopped, told to end, loses its store, loses what the store held;
the other takes over, no controller is given an older epoch, none is left without a valid plan, and a leader who wakes up late
steps down."""
import signal
import time

import harness
from harness import run, test, wait_for
from pair import CITY, PLAYED, Half, Pair, Sentinel, Store, safe


@test
def whoever_leads_is_followed(folder):
    """Killed: within three seconds. Stopped: the one that wakes up late steps down. Told to end: it gives its lease up."""
    with Store(folder / "store") as store, Pair(folder, f"redis://127.0.0.1:{store.port}") as pair:
        one, two = pair.halves
        pair.served(one, PLAYED)
        assert not two.leads() and store.lease() == f"{store.epoch()}.{store.lease().split('.')[1]}"
        was = store.epoch()
        one.kill()
        killed_ms = time.time() * 1000
        wait_for("the other to lead", two.leads)
        pair.served(two)
        assert store.epoch() == was + 1
        assert f"{CITY} plans read back" in two.said(), two.said()
        one.again()
        two.process.send_signal(signal.SIGSTOP)
        wait_for("the first to lead", one.leads)
        two.process.send_signal(signal.SIGCONT)
        wait_for("the late one to step down", lambda: "steps down" in two.said() and not two.leads())
        wait_for("the late one to stand by", lambda: two.said().count("standby: ") == 2)
        pair.served(one)
        one.kill(signal.SIGTERM)
        wait_for("the other to lead again", two.leads)
        pair.served(two)
        seen = pair.seen()
        safe(seen)
        assert seen["epoch_highest"] == store.epoch() == was + 3, seen
        first_ms = next(at for epoch, at in seen["epochs"] if epoch == was + 1) - killed_ms
        print(f"# first plan of the new epoch {first_ms:.0f} ms after the kill (at most 3000)")
        assert first_ms <= 3000, f"the first plan of the new epoch came after {first_ms:.0f} ms"


@test
def while_the_store_is_away_the_leader_leads_and_the_other_waits(folder):
    with Store(folder / "store") as store, Pair(folder, f"redis://127.0.0.1:{store.port}") as pair:
        one, two = pair.halves
        pair.served(one)
        was = store.epoch()
        store.kill()
        wait_for("both to notice", lambda: all("Redis is away" in half.said() for half in pair.halves))
        time.sleep(1.5)                                    # longer than the lease
        assert one.leads() and not two.leads()
        store.start()                                      # empty: what it held is lost
        wait_for("the leader's epoch in the store", lambda: store.epoch() == was)
        time.sleep(1.5)
        assert one.leads() and not two.leads(), two.said()
        store.ask("FLUSHALL")
        wait_for("the leader's epoch again", lambda: store.epoch() == was)
        time.sleep(1.5)
        assert one.leads() and not two.leads(), two.said()
        pair.served(one)
        safe(pair.seen())


@test
def behind_sentinel_a_lost_master_changes_nothing_for_the_controllers(folder):
    with Sentinel(folder) as sentinel, \
            Pair(folder, f"sentinel://127.0.0.1:1,127.0.0.1:{sentinel.port}/city") as pair:      # nobody at the first
        one, two = pair.halves
        pair.served(one)
        was = sentinel.master.epoch()
        assert was > 0
        sentinel.master.kill()
        wait_for("the replica to be the master", lambda: "role:master" in sentinel.replica.ask("INFO", "replication"))
        wait_for("the leader to write to it", lambda: sentinel.replica.lease().startswith(f"{was}."))
        time.sleep(1.5)                                    # longer than the lease
        assert one.leads() and not two.leads() and sentinel.replica.epoch() == was, two.said()
        one.kill()
        wait_for("the other to lead", two.leads)
        pair.served(two)
        assert sentinel.replica.epoch() == was + 1
        safe(pair.seen())


@test
def one_alone_leads(folder):
    with Store(folder / "store") as store, Half(folder / "one", f"redis://127.0.0.1:{store.port}") as half:
        wait_for("it to lead", half.leads)


@test
def a_pair_needs_a_store_that_both_reach(folder):
    half = Half(folder / "one", "embedded")
    _, said = run(harness.INTERGREEND, "--config", half.config, "--check-config", code=1)
    assert "standby" in said and "both can reach" in said, said
    for store, code in (("sentinel://a,b:1/city", 0), ("sentinel://:word@a/city/3", 0), ("sentinel://a", 1),
                        ("sentinel://a:x/city", 1), ("sentinel:///city", 1)):
        half = Half(folder / f"store-{code}-{len(store)}", store)
        run(harness.INTERGREEND, "--config", half.config, "--check-config", code=code)


if __name__ == "__main__":
    harness.main()
