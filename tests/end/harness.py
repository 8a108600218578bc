"""What the tests of whole programs share: subtests that print `ok NAME` / `not ok NAME`, programs, a daemon with a config.

Nothing here sleeps for a fixed time: `wait_for` polls with a generous ceiling.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
DATA = ROOT.parent / "shared" / "data"
INTERGREEN = str(BUILD / "intergreen")
INTERGREEND = str(BUILD / "intergreend")

_tests = []


class Skip(Exception):
    """Raised by a subtest that cannot run here, with the reason."""


def test(function):
    _tests.append(function)
    return function


def main():
    failed = 0
    chosen = [function for function in _tests if len(sys.argv) < 2 or function.__name__ in sys.argv[1:]]
    for function in chosen:
        name = function.__name__
        folder = tempfile.mkdtemp(prefix="ig-")
        try:
            function(pathlib.Path(folder))
            print(f"ok {name}", flush=True)
        except Skip as why:
            print(f"# skipped {name}: {why}", flush=True)
        except Exception:                                      # any failure of a subtest is a failed test
            traceback.print_exc()
            print(f"not ok {name}", flush=True)
            failed += 1
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if failed else 0)


def data(name):
    path = DATA / name
    if not path.exists():
        raise Skip(f"the data {name} is not beside this checkout")
    return str(path)


def run(*words, code=0, timeout=300):
    """Runs a program to its end, checks its exit code, gives (stdout, stderr)."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == code, f"{words}: exit {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr


def sim(*words, timeout=300):
    """`intergreen sim ... --json`: the JSON object that it prints last."""
    stdout, _ = run(INTERGREEN, "sim", *words, "--json", "--quiet", timeout=timeout)
    return json.loads(stdout.strip().split("\n")[-1])


def wait_for(what, condition, seconds=30):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s for {what}")


class Daemon:
    """An intergreend of its own in a folder, listening on FOLDER/d.sock."""

    def __init__(self, folder, network, **keys):
        self.folder = pathlib.Path(folder)
        self.address = f"unix:{self.folder}/d.sock"
        lines = {"network": network, "listen": f'[ "unix:{self.folder}/d.sock" ]', "http": '""',
                 "state_dir": self.folder / "state", **keys}
        self.config = self.folder / "intergreend.yaml"
        self.config.write_text("".join(f"{key}: {value}\n" for key, value in lines.items()))
        self.process, self.environment = None, {}

    def __enter__(self):
        self.start()
        return self

    def start(self):
        self.log = open(self.folder / "daemon.log", "ab")
        self.process = subprocess.Popen([INTERGREEND, "--config", str(self.config)], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, env={**os.environ, **self.environment})
        wait_for("the daemon to answer", self.answers)

    def answers(self):
        assert self.process.poll() is None, f"the daemon ended:\n{self.said()}"
        return subprocess.run([INTERGREEN, "status", "--daemon", self.address], capture_output=True,
                              check=False).returncode == 0

    def said(self):
        return (self.folder / "daemon.log").read_text(errors="replace")

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        return self.process.wait(timeout=30)

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
