#!/usr/bin/env python3
"""ingest: how many readings the daemon takes in a second of its own CPU, from the socket to the estimate of the live state.

Stations send loop readings of a second at a steady pace over the loopback; every reading is validated (owner, range, time,
sequence), frozen and told to the engine at its step. The CPU is that of the whole daemon while the load lasts: loops, engine,
store. `lost` is what was sent less what the engine was told, what was refused with a reason and what was shed.
"""
import sys

from city_daemon import Daemon, city, load, settled, table, told_all, write

SECONDS = 6
# batch, connections, batches a second: a pace that a busy machine still sends, far below what would be shed.
CASES = [(1, 64, 40000), (16, 64, 20000), (100, 16, 8000), (1000, 16, 1000)]


def main(path):
    rows, network = [], city(120)
    keys = {"limits": "{ readings_per_step: 4000000 }"}
    with Daemon(network, **keys) as daemon:
        load(network, daemon.address, stations=16, readings=100, batches_per_s=8000, seconds=2)   # memory is touched once
        for batch, connections, rate in CASES:
            before, cpu_before = settled(daemon), sum(daemon.cpu().values())
            sent = load(network, daemon.address, stations=connections, readings=batch, batches_per_s=rate,
                        seconds=SECONDS)
            lost, refused, shed = told_all(daemon, before, sent["readings"])
            cpu_s = sum(daemon.cpu().values()) - cpu_before
            rows.append({"batch": batch, "readings_per_core_s": int(sent["readings"] / cpu_s), "refused": refused,
                         "lost": lost, "shed": shed, "readings": sent["readings"], "daemon_cpu_s": round(cpu_s, 3),
                         "readings_per_s": int(sent["readings"] / sent["played_s"]), "connections": connections,
                         "load_cpu_s": sent["load_cpu_s"]})
    table(rows)
    write(rows, path)


if __name__ == "__main__":
    main(sys.argv[1])
