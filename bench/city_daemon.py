"""What the benches of the daemon share: a daemon of their own, its CPU by thread, its metrics, and the load generator.

CPU is read from /proc/PID/task/*/stat (user and system), so that a busy machine makes a figure worse by its caches alone,
never by waiting. All peers are on this machine's loopback; every program started here is ended here.
"""
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / os.environ.get("BUILD", "build")
TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")


def city(intersections, seed=1):
    """The network of a generated city, made once."""
    folder = BUILD / "bench" / f"city-{intersections}-{seed}"
    network = folder / "network.ig"
    if not network.exists():
        subprocess.run([BUILD / "intergreen", "generate", "--no-demand", "--intersections", str(intersections), "--seed",
                        str(seed), "-o", str(folder)], check=True, stdout=subprocess.DEVNULL)
    return network


def descriptors():
    """How many descriptors one process may have, raised as far as it goes."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


class Daemon:
    """An intergreend on free ports of the loopback, with its own state folder."""

    def __init__(self, network, folder=None, **keys):
        self.own_folder = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="ig-bench-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = {"network": network, "listen": '[ "127.0.0.1:0" ]', "http": "127.0.0.1:0", "state_dir": "state", **keys}
        self.config = self.folder / "intergreend.yaml"
        self.config.write_text("".join(f"{key}: {value}\n" for key, value in lines.items()))
        self.process = None

    def start(self, seconds=60):
        self.log = open(self.folder / "daemon.log", "wb")
        self.process = subprocess.Popen([BUILD / "intergreend", "--config", self.config], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            ready = [line for line in self.said().split("\n") if line.startswith("ready: ")]
            if ready:
                words = ready[0].replace(";", " ").split()
                self.address = words[1]
                self.page = next(word for word in words if word.startswith("http://"))
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"the daemon is not ready:\n{self.said()}")

    __enter__ = start

    def __exit__(self, *_):
        self.stop()

    def stop(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def said(self):
        return (self.folder / "daemon.log").read_text(errors="replace")

    def cpu(self):
        """Seconds of CPU so far, by thread's name; those of the compute team together."""
        seconds = {}
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                head, tail = (task / "stat").read_text().rsplit(")", 1)
            except OSError:
                continue
            name, fields = head.split("(", 1)[1], tail.split()
            seconds[name] = seconds.get(name, 0.0) + (int(fields[11]) + int(fields[12])) * TICK_S
        return seconds

    def rss_mib(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().split("\n"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024.0
        return 0.0

    def descriptor_count(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def metrics(self):
        text = urllib.request.urlopen(self.page + "metrics", timeout=10).read().decode()
        return {line.rsplit(" ", 1)[0].removeprefix("intergreen_"): float(line.rsplit(" ", 1)[1])
                for line in text.split("\n") if line and not line.startswith("#")}


def load_begin(network, address, **options):
    """The load generator, begun; load_end gives what it saw."""
    words = [BUILD / "load", "--network", network, "--daemon", address]
    for name, value in options.items():
        words += ["--" + name.replace("_", "-")] + ([] if value is True else [str(value)])
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


def load_end(process):
    stdout, _ = process.communicate(timeout=4000)
    if process.returncode != 0:
        raise RuntimeError(f"the load generator ended with {process.returncode}")
    return {**json.loads(stdout.split("\n")[0]), **json.loads(stdout.split("\n")[1])}


def load(network, address, **options):
    return load_end(load_begin(network, address, **options))


def settled(daemon, seconds=5):
    """The metrics once the engine has been told all that was taken."""
    until = time.monotonic() + seconds
    while True:
        metrics = daemon.metrics()
        if metrics["readings_total"] == metrics["readings_told_total"] or time.monotonic() > until:
            return metrics
        time.sleep(0.1)


def told_all(daemon, before, sent, seconds=5):
    """Waits for the engine to have been told all that was sent, as long as it is being told more; (lost, refused, shed) by counting.
    What lies in the sockets' buffers of a machine that is busy with other things is not lost."""
    until, seen = time.monotonic() + seconds, -1
    while True:
        after = daemon.metrics()
        told, refused, shed = (after[name] - before[name] for name in
                               ("readings_told_total", "readings_refused_total", "readings_shed_total"))
        if told + refused + shed > seen:
            until, seen = time.monotonic() + seconds, told + refused + shed
        if seen >= sent or time.monotonic() > until:
            return int(sent - told - refused - shed), int(refused), int(shed)
        time.sleep(0.1)


def table(rows):
    names = list(rows[0])
    cells = [names] + [[f"{row[name]:.3f}" if isinstance(row[name], float) else str(row[name]) for name in names]
                       for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(names))]
    for row in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths)))


def write(rows, path):
    pathlib.Path(path).write_text(json.dumps(rows, indent=1) + "\n")


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else -1.0
