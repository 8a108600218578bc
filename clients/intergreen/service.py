"""A daemon of one's own, for a study: started in a folder that is thrown away, ended with the `with` block."""
import contextlib
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

from .errors import Error
from .network import intergreen_program

START_S_MAX = 60.0


class Daemon:
    """with Daemon("town.sumocfg", strategy="adaptive") as daemon: ... daemon.address ...

    keys: further keys of its configuration (docs/configuration.md). It keeps no state in Redis unless `store` asks."""

    def __init__(self, network, **keys):
        self.network = pathlib.Path(network).resolve()
        self.keys = {"store": "none", "http": "off", **{key: value for key, value in keys.items() if value is not None}}
        self.process = None

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="intergreen-daemon-"))
        self.address = f"unix:{self.folder}/d.sock"
        lines = {"network": f'"{self.network}"', "listen": f'[ "{self.address}" ]', "state_dir": f"{self.folder}/state",
                 **self.keys}
        config = self.folder / "intergreend.yaml"
        config.write_text("".join(f"{key}: {value}\n" for key, value in lines.items()))
        try:
            with open(self.folder / "log", "wb") as log:
                self.process = subprocess.Popen([intergreen_program("intergreend"), "--config", str(config)],
                                                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def said(self):
        """Its log so far."""
        return (self.folder / "log").read_text(errors="replace").strip()

    def _wait(self):
        until = time.monotonic() + START_S_MAX
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise Error(f"intergreend ended at once:\n{self.said()}")
            probe = socket.socket(socket.AF_UNIX)
            try:
                probe.connect(str(self.folder / "d.sock"))
                return
            except OSError:
                time.sleep(0.02)
            finally:
                probe.close()
        raise Error(f"intergreend does not answer within {START_S_MAX:g} s:\n{self.said()}")

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def serving(network, address=None, **keys):
    """The address of a daemon with this network: the one that is given, or one of one's own as long as the block lasts."""
    if address is not None:
        yield address
        return
    with Daemon(network, **keys) as daemon:
        yield daemon.address
