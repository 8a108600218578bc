"""Frames over a socket: a varint length, then one Frame, again and again (docs/protocol.md)."""
import os
import socket
import ssl

from .errors import Closed, Error, NotReachable, Refused
from .messages import message

FRAME_BYTES_MAX = 256 << 20      # a longer one from the daemon is no frame of ours


def varint(number):
    out = bytearray()
    while number > 0x7f:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _context(address, tls):
    """TLS 1.3 with a certificate of our own. tls: (certificate, key, authority), files in PEM; None: as the environment says."""
    names = ("INTERGREEN_CERTIFICATE", "INTERGREEN_KEY", "INTERGREEN_AUTHORITY")
    certificate, key, authority = tls or (os.environ.get(name) for name in names)
    if not (certificate and key and authority):
        raise Error(f"{address}: TLS needs a certificate, its key and the daemon's authority: give tls=(CERTIFICATE, KEY, "
                    f"AUTHORITY), or set {', '.join(names)}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(authority)
        context.load_cert_chain(certificate, key, password="")       # a pass phrase is not asked for
    except (OSError, ValueError) as why:
        raise Error(f"{certificate}, {key}, {authority}: cannot be taken ({why}): name files in PEM, the key without a pass "
                    "phrase") from why
    return context


def _open(address, timeout_s, tls):
    context = _context(address, tls) if address.startswith("tls:") else None
    try:
        if address.startswith("unix:"):
            stream = socket.socket(socket.AF_UNIX)
            stream.settimeout(timeout_s)
            stream.connect(address[len("unix:"):])
        else:
            host, colon, port = address.removeprefix("tls:").rpartition(":")
            if not colon or not port.isdigit():
                raise Error(f"'{address}' is no address: write unix:PATH, HOST:PORT or tls:HOST:PORT")
            stream = socket.create_connection((host.strip("[]"), int(port)), timeout=timeout_s)
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                stream = context.wrap_socket(stream, server_hostname=host.strip("[]"))
        return stream
    except ssl.SSLError as why:
        raise Refused(f"{address}: TLS: {why}") from why
    except OSError as why:
        raise NotReachable(f"{address}: nobody answers ({why}): is intergreend running, and is this one of the addresses "
                           "in its `listen`?") from why


class Connection:
    """One session's bytes. Frames are queued by `put` and leave with `flush` or `receive`."""

    def __init__(self, address, timeout_s=60.0, tls=None):
        self.address = address
        self.frame_class = message("Frame")
        self.socket = _open(address, timeout_s, tls)
        self.timeout_s = timeout_s
        self._out = []
        self._in = bytearray()
        self._at = 0

    def put(self, **fields):
        """put(plan_request=message): queues one Frame with one member."""
        (name, member), = fields.items()
        frame = self.frame_class()
        getattr(frame, name).CopyFrom(member)
        data = frame.SerializeToString()
        self._out.append(varint(len(data)) + data)

    def flush(self):
        data, self._out = b"".join(self._out), []
        try:
            self.socket.sendall(data)
        except socket.timeout as why:
            raise Closed(f"{self.address}: takes nothing for {self.timeout_s:g} s") from why
        except OSError:
            pass                                               # it closed: `receive` finds out what it said last

    def _whole(self):
        """(start, end) of the first whole frame in the buffer, or None."""
        length = shift = 0
        for i in range(self._at, min(len(self._in), self._at + 5)):
            length |= (self._in[i] & 0x7f) << shift
            shift += 7
            if self._in[i] < 0x80:
                if not 0 < length <= FRAME_BYTES_MAX:
                    raise Error(f"{self.address}: sends a frame of {length} bytes: is it an intergreend?")
                return (i + 1, i + 1 + length) if len(self._in) >= i + 1 + length else None
        return None

    def receive(self):
        """The next Frame."""
        if self._out:
            self.flush()
        while True:
            found = self._whole()
            if found is not None:
                frame = self.frame_class.FromString(bytes(self._in[found[0]:found[1]]))
                self._at = found[1]
                return frame
            del self._in[:self._at]
            self._at = 0
            try:
                more = self.socket.recv(1 << 18)
            except socket.timeout as why:
                raise Closed(f"{self.address}: says nothing for {self.timeout_s:g} s: its log tells why") from why
            except ssl.SSLError as why:
                raise Refused(f"{self.address}: TLS: {why}") from why
            except OSError as why:
                raise Closed(f"{self.address}: the connection broke ({why})") from why
            if not more:
                raise Closed(f"{self.address}: closed the connection: its log tells why")
            self._in += more

    def close(self):
        self.socket.close()
