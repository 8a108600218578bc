"""A small client of the daemon for tests: protobuf's own Python library over plain sockets, one frame after the other.

It is written from proto/ alone and shares no code with the engine, so that the two check each other.
"""
import importlib
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from harness import ROOT, Skip

_modules = None


def messages():
    """The generated modules (session, plan, observation), made once in a folder of their own."""
    global _modules
    if _modules is None:
        if shutil.which("protoc") is None:
            raise Skip("protoc (protobuf-compiler) is not installed")
        folder = tempfile.mkdtemp(prefix="ig-proto-")
        protos = [str(path) for path in sorted((ROOT / "proto").glob("*.proto"))]
        subprocess.run(["protoc", f"--python_out={folder}", "-I", str(ROOT / "proto"), *protos], check=True)
        sys.path.insert(0, folder)
        _modules = {name: importlib.import_module(f"{name}_pb2") for name in ("session", "plan", "observation")}
        shutil.rmtree(folder)
    return _modules


def varint(number):
    out = bytearray()
    while number > 0x7f:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


class Closed(Exception):
    """The daemon closed the connection."""


class Client:
    def __init__(self, address, seconds=10):
        self.pb = messages()["session"]
        kind, _, rest = address.partition(":")
        if kind == "unix":
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(rest)
        else:
            host, _, port = address.rpartition(":")
            self.socket = socket.create_connection((host, int(port)))
        self.socket.settimeout(seconds)
        self.bytes = b""
        self.reset = False
        self.sequence = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send_bytes(self, data):
        self.socket.sendall(data)

    def send(self, **fields):
        """send(hello={...}): one Frame with one member, given as a dict or as a message."""
        frame = self.pb.Frame()
        for name, value in fields.items():
            if isinstance(value, dict):
                fill(getattr(frame, name), value)
                getattr(frame, name).SetInParent()
            else:
                getattr(frame, name).CopyFrom(value)
        data = frame.SerializeToString()
        self.send_bytes(varint(len(data)) + data)

    def receive(self):
        """The next Frame. Raises Closed at the end of the stream and TimeoutError when nothing comes."""
        while True:
            length, shift, at = 0, 0, 0
            for at, byte in enumerate(self.bytes[:5]):
                length |= (byte & 0x7f) << shift
                shift += 7
                if byte < 0x80:
                    break
            else:
                at = None
            if at is not None and self.bytes and len(self.bytes) >= at + 1 + length and self.bytes[at] < 0x80:
                frame = self.pb.Frame.FromString(self.bytes[at + 1:at + 1 + length])
                self.bytes = self.bytes[at + 1 + length:]
                return frame
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError as error:
                if self.reset:
                    raise Closed() from error
                self.reset = True    # a unix socket tells the reset first, then gives what was said before it
                continue
            if not more:
                raise Closed()
            self.bytes += more

    def wait(self, kind, seconds=10, keep=lambda message: True):
        """The next message of a kind for which `keep` holds; heartbeats are answered, others are passed over."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            frame = self.receive()
            found = frame.WhichOneof("kind")
            if found == "heartbeat" and not frame.heartbeat.HasField("echo_clock_ms"):
                try:
                    self.send(heartbeat={"clock_ms": now_ms(), "echo_clock_ms": frame.heartbeat.clock_ms})
                except (BrokenPipeError, ConnectionResetError):
                    pass    # the daemon has closed since: what it said before that is still to be read
            elif found == kind and keep(getattr(frame, kind)):
                return getattr(frame, kind)
            elif found == "error" and kind != "error" and frame.error.closing:
                raise AssertionError(f"the daemon closes: {frame.error}")
        raise AssertionError(f"no {kind} within {seconds} s")

    def hello(self, role, **fields):
        number = {"detector": 1, "controller": 2, "operator": 3, "simulator": 4}[role]
        self.send(hello={"protocol": 1, "role": number, "clock_ms": now_ms(), "software": "tests", **fields})
        self.welcome = self.wait("welcome")
        self.sequence = self.welcome.sequence_after
        return self.welcome

    def observe(self, **fields):
        self.sequence += 1
        self.send(observations={"sequence": self.sequence, **fields})


def fill(message, fields):
    for name, value in fields.items():
        if isinstance(value, dict):
            fill(getattr(message, name), value)
            getattr(message, name).SetInParent()
        elif message.DESCRIPTOR.fields_by_name[name].label == message.DESCRIPTOR.fields_by_name[name].LABEL_REPEATED:
            getattr(message, name).extend(value)
        else:
            setattr(message, name, value)


def now_ms():
    return int(time.time() * 1000)
