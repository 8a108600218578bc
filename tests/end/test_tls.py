"""Goal: over TLS a certificate says who a peer is, and nobody else comes in: tools, controllers, simulators and the Python
package work as they do plainly; strangers, liars and noise are refused with words on both sides while the others go on.

The certificates are made here by the program openssl, as docs/operations.md tells it.
"""
import filecmp
import os
import re
import signal
import socket
import ssl
import subprocess
import sys

from authority import Authority, openssl
from harness import BUILD, INTERGREEN, INTERGREEND, ROOT, Daemon, main, run, test, wait_for
from town import daemon, town
from wire_client import Client, Closed

sys.path.insert(0, str(ROOT / "clients"))

CONTROLLER = str(BUILD / "intergreen-controller")
SLOW = 4 if "asan" in str(BUILD) else 1


def options(files):
    return ["--certificate", files[0], "--key", files[1], "--authority", files[2]]


REGISTRY = """anna operator certificate
cabinet-B1 controller certificate intersection:B1
sim simulator certificate
berta operator none
"""


def serving(folder, registry=REGISTRY, **keys):
    """A daemon with one plain and one TLS address, and its authority. `.tls` is the latter."""
    authority = Authority(folder)
    authority.sign("daemon", "DNS:localhost,IP:127.0.0.1")
    if registry is not None:
        (folder / "peers").write_text(registry)
        keys["registry"] = folder / "peers"
    running = daemon(folder, store="none", listen=f'[ "unix:{folder}/d.sock", "tls:127.0.0.1:0" ]',
                     tls='{ certificate: daemon.pem, key: daemon.key, client_authorities: ca.pem }', **keys)
    running.authority = authority
    return running


def tls_address(running):
    return "tls:" + wait_for("the address", lambda: re.findall(r"^ready:.* tls:(127\.0\.0\.1:\d+)", running.said(), re.M))[-1]


def context_of(files, most=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(files[2])
    if files[0] is not None:
        context.load_cert_chain(files[0], files[1])
    if most is not None:
        context.minimum_version = context.maximum_version = most
    return context


class TlsClient(Client):
    """The tests' own client over TLS. begun: it says its first words, and no more until `socket.do_handshake()`."""

    def __init__(self, address, files, most=None, begun=False):
        super().__init__(address.removeprefix("tls:"))
        self.socket = context_of(files, most).wrap_socket(self.socket, server_hostname="localhost",
                                                          do_handshake_on_connect=not begun)
        if begun:
            self.socket.setblocking(False)
            try:
                self.socket.do_handshake()
            except ssl.SSLWantReadError:
                pass
            self.socket.settimeout(30)


def refused_by(address, files, most=None, **hello):
    """What the daemon says to a peer that it does not take: an alert, or an Error."""
    try:
        with TlsClient(address, files, most) as peer:
            try:
                peer.hello("operator", **hello)
            except AssertionError as why:
                return str(why)
    except (ssl.SSLError, ConnectionError) as why:
        return str(why)
    raise AssertionError("it was let in")


def status(address, files, *words, code=0):
    return run(INTERGREEN, "status", "--daemon", address, *options(files), *words, code=code)


@test
def a_certificate_says_who_an_operator_is(folder):
    with serving(folder) as running:
        address, anna = tls_address(running), running.authority.sign("anna")
        assert "1 operators" in status(address, anna)[0]
        assert "operator anna (127.0.0.1:" in running.said()
        status(address.replace("127.0.0.1", "localhost"), anna, "--identity", "anna")
        names = dict(zip(("INTERGREEN_CERTIFICATE", "INTERGREEN_KEY", "INTERGREEN_AUTHORITY"), anna))
        done = subprocess.run([INTERGREEN, "status", "--daemon", address], env={**os.environ, **names}, check=False)
        assert done.returncode == 0
        run(INTERGREEN, "override", "set", "B1", "--fallback", "--daemon", address, *options(anna))
        keys = ("--registry", folder / "peers")
        run(INTERGREEN, "keys", "new", "dora", "--role", "operator", "--certificate", *keys)
        assert "dora operator certificate\n" in (folder / "peers").read_text()
        assert re.search(r"dora +operator +certificate", run(INTERGREEN, "keys", "list", *keys)[0])
        run(INTERGREEN, "keys", "new", "emil", "--role", "operator", "--certificate", "-o", folder / "x", *keys, code=2)
        running.process.send_signal(signal.SIGHUP)
        dora = running.authority.sign("dora")
        wait_for("dora", lambda: subprocess.run([INTERGREEN, "status", "--daemon", address, *options(dora)],
                                                capture_output=True, check=False).returncode == 0)
        records = run(INTERGREEN, "audit", "show", "--daemon", address, *options(anna))[0]
        assert re.search(r"override.*anna", records), records
        _, said = status(address, ("no-such.pem", *anna[1:]), code=1)
        assert "no-such.pem" in said, said
        _, said = run(INTERGREEN, "status", "--daemon", address, code=1)
        assert "INTERGREEN_CERTIFICATE" in said, said
        _, said = run(INTERGREEN, "status", "--daemon", address.removeprefix("tls:"), code=3)
        assert "write tls:HOST:PORT" in said, said


@test
def the_identity_is_the_certificates(folder):
    with serving(folder) as running:
        address, authority = tls_address(running), running.authority
        anna = authority.sign("anna")
        assert "its certificate is that of `anna`" in refused_by(address, anna, identity="berta")
        assert "is not in the daemon" in refused_by(address, authority.sign("carla"))
        assert "another role" in refused_by(address, authority.sign("sim"))
        status(address, authority.sign("berta"))                # whatever the registry's proof is
        for stem, subject, why in (("none", "/O=City", "one common name (CN)"),
                                   ("two", "/CN=anna/CN=berta", "one common name (CN)"),
                                   ("space", "/CN=anna b", "is no identity"),
                                   ("long", "/CN=" + "a" * 64, "is no identity")):
            assert why in refused_by(address, authority.sign(stem, subject=subject, stem=stem)), why
            assert why in refused_by(address, authority.files(stem), identity="anna"), why
        _, said = run(INTERGREEN, "status", "--daemon", running.address, "--identity", "anna", code=3)
        assert "over TLS alone" in said, said


@test
def a_controller_plays_over_tls(folder):
    with serving(folder) as running:
        address = tls_address(running)
        cabinet = folder / "B1.cabinet"
        cabinet.write_text(run(INTERGREEN, "cabinet", "--network", town(), "B1")[0])
        files = running.authority.sign("cabinet-B1")

        def controller(stem_files, *words):
            log = open(folder / "controller.log", "w+", encoding="utf-8")
            process = subprocess.Popen([CONTROLLER, "--cabinet", cabinet, "--daemon", address, *options(stem_files), *words],
                                       stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            return process, lambda: (folder / "controller.log").read_text(encoding="utf-8")
        for words in ((), ("--pull",), ("--identity", "cabinet-B1")):
            process, said = controller(files, *words)
            wait_for("a plan", lambda: re.search(r"^fallback \d+ loaded", said(), re.M)
                     and re.search(r"^plan .* accepted", said(), re.M))
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0, said()
        for stranger, why in ((Authority(folder, "other").sign("cabinet-B1", stem="stranger"),
                               "TLS: unable to get local issuer certificate"),
                              (running.authority.sign("cabinet-C2"), "not in the daemon's registry")):
            process, said = controller(stranger)
            wait_for(why, lambda: re.search(f"{why}", said()))
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


@test
def a_simulator_in_lockstep_is_the_same(folder):
    import intergreen
    run(INTERGREEN, "generate", "--intersections", "9", "--seed", "3", "-o", folder / "city")
    (folder / "d").mkdir()
    authority = Authority(folder / "d")
    authority.sign("daemon", "DNS:localhost,IP:127.0.0.1")
    sim = authority.sign("sim")
    with Daemon(folder / "d", folder / "city" / "network.ig", store="none",
                listen=f'[ "unix:{folder}/d/d.sock", "tls:127.0.0.1:0" ]',
                tls='{ certificate: daemon.pem, key: daemon.key, client_authorities: ca.pem }') as running:
        address = tls_address(running)
        words = ["sim", "--network", folder / "city" / "network.ig", "--demand", folder / "city" / "demand.ig", "--begin",
                 "27000", "--seconds", "300", "--control", "max-pressure", "--quiet"]
        run(INTERGREEN, *words, "--daemon", running.address, "--out", folder / "plain")
        run(INTERGREEN, *words, "--daemon", address, *options(sim), "--out", folder / "sealed")
        trips = [path.name for path in (folder / "plain").iterdir() if "trip" in path.name]
        assert trips and filecmp.cmpfiles(folder / "plain", folder / "sealed", trips, shallow=False)[0] == trips, trips
        network = intergreen.Network.load(folder / "city" / "network.ig")
        plans = []
        for where, tls in ((running.address, None), (address, sim)):
            with intergreen.Lockstep(where, network, tls=tls) as engine:
                plans.append([{name: intergreen.aspects(plan, t_ms) for name, plan in engine.advance(t_ms, []).items()}
                              for t_ms in range(0, 60_000, 1000)])
        assert plans[0] == plans[1] and plans[0][-1]
        for tls, why in ((None, "INTERGREEN_CERTIFICATE"), (Authority(folder, "other").sign("sim"), "verify failed")):
            try:
                with intergreen.Lockstep(address, network, tls=tls) as engine:
                    engine.advance(0, [])
                raise AssertionError("it was let in")
            except intergreen.Error as said:
                assert why in str(said), said


@test
def strangers_are_refused_and_the_others_go_on(folder):
    hello_ms = 1000 * SLOW
    with serving(folder, limits=f"{{ hello_ms: {hello_ms} }}") as running:
        address, authority = tls_address(running), running.authority
        host, port = address.removeprefix("tls:").split(":")
        anna = authority.sign("anna")
        other = Authority(folder, "other")

        def said(words):
            wait_for(f"'{words}' in the log", lambda: words in running.said())
        with TlsClient(address, anna) as watcher:
            watcher.hello("operator")

            def goes_on():
                watcher.send(status_request={"request": 1})
                watcher.wait("status")
            assert "certificate required" in refused_by(address, (None, None, anna[2]))
            said("TLS: peer did not return a certificate")
            goes_on()
            stranger = other.sign("anna", stem="stranger")
            assert "unknown ca" in refused_by(address, (*stranger[:2], anna[2])).lower()
            said("TLS: unable to get local issuer certificate")
            goes_on()
            old = authority.sign("anna", days=-1, stem="old")
            assert "expired" in refused_by(address, old)
            said("TLS: certificate has expired")
            _, words = status(address, old, code=3)
            assert "expired" in words, words
            goes_on()
            assert "protocol" in refused_by(address, anna, ssl.TLSVersion.TLSv1_2).lower()
            said("TLS: unsupported protocol")
            goes_on()
            with Client(f"{host}:{port}") as plain:             # a plain Hello
                plain.send(hello={"protocol": 1, "role": 3, "clock_ms": 0})
                error = plain.wait("error")
                assert error.code == 1 and error.closing and "tls:HOST:PORT" in error.text, error
                assert plain.socket.recv(100) == b""
            said("TLS: these bytes are no TLS")
            goes_on()
            for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 100, bytes(range(256)) * 40):
                with socket.create_connection((host, int(port))) as raw:
                    raw.sendall(noise)
                    raw.settimeout(30)
                    try:
                        while raw.recv(1000):
                            pass
                    except ConnectionResetError:
                        pass
                goes_on()
            with socket.create_connection((host, int(port))) as silent, \
                    socket.create_connection((host, int(port))) as half:   # nothing; and half a ClientHello
                half.sendall(b"\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03" + b"r" * 30)
                for raw in (half, silent):
                    raw.settimeout(30)
                    assert raw.recv(1000) == b""
            said("TLS: the handshake was not over in time")
            with TlsClient(address, anna) as mute:              # a handshake, and no Hello
                assert mute.wait("error", 30).code == 13        # ERROR_TIME_OUT
            goes_on()
            ours = TlsClient(address, anna)                     # a record that was tampered with, in a session that stands
            ours.hello("operator")
            raw = socket.socket(fileno=os.dup(ours.socket.fileno()))
            raw.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)
            try:
                while True:
                    ours.receive()
            except (ssl.SSLError, Closed):
                pass
            raw.close()
            said("TLS: decryption failed or bad record mac")
            goes_on()
        assert running.process.poll() is None


@test
def a_daemon_proves_itself_too(folder):
    with serving(folder) as running:
        address, anna = tls_address(running), running.authority.sign("anna")
        other = Authority(folder, "other")
        _, said = status(address, (*anna[:2], other.file("other.pem")), code=3)
        assert "TLS: unable to get local issuer certificate" in said, said
        running.authority.sign("daemon", "DNS:centre.example")  # another name
        running.process.send_signal(signal.SIGHUP)
        _, said = wait_for("the new certificate", lambda: (lambda done: done if done[0] == 3 else None)(
            (lambda done: (done.returncode, done.stderr))(subprocess.run(
                [INTERGREEN, "status", "--daemon", address, *options(anna)], capture_output=True, text=True, check=False))))
        assert "TLS: IP address mismatch" in said, said
        _, said = status(address.replace("127.0.0.1", "localhost"), anna, code=3)
        assert "TLS: hostname mismatch" in said.replace("Hostname", "hostname"), said


@test
def a_reload_reads_the_certificates_anew(folder):
    with serving(folder) as running:
        address, authority = tls_address(running), running.authority
        anna = authority.sign("anna")

        def serial():
            with TlsClient(address, anna) as peer:
                return peer.socket.getpeercert()["serialNumber"]
        with TlsClient(address, anna) as watcher:
            watcher.hello("operator")
            first = serial()
            authority.sign("daemon", "DNS:localhost,IP:127.0.0.1")
            running.process.send_signal(signal.SIGHUP)
            second = wait_for("the new certificate", lambda: (lambda now: now if now != first else None)(serial()))
            (folder / "daemon.key").write_text((folder / "anna.key").read_text())      # one that does not fit
            running.process.send_signal(signal.SIGHUP)
            wait_for("the alarm", lambda: "not taken" in running.said() and "key cannot be taken" in running.said())
            assert serial() == second
            watcher.send(status_request={"request": 1})          # sessions stand
            watcher.wait("status")
            authority.sign("daemon", "DNS:localhost,IP:127.0.0.1", days=20)
            running.process.send_signal(signal.SIGHUP)
            wait_for("the alarm", lambda: "expires within 30 days" in run(
                INTERGREEN, "alarms", "--in-force", "--daemon", address, *options(anna))[0])
            (folder / "peers").write_text(REGISTRY.replace("anna operator", "anna detector"))   # and so one is shut out
            running.process.send_signal(signal.SIGHUP)
            assert watcher.wait("error").code == 3
            status(address, anna, code=3)


@test
def many_at_once_wait_for_their_turn_and_come_in(folder):
    with serving(folder, loops=1) as running:
        address, anna = tls_address(running), running.authority.sign("anna")
        with TlsClient(address, anna) as watcher:
            watcher.hello("operator")
            gone = [TlsClient(address, anna, begun=True) for _ in range(20)]
            many = [TlsClient(address, anna, begun=True) for _ in range(150)]
            for peer in gone:                                   # these go again before their turn or after it
                peer.socket.close()
            watcher.send(status_request={"request": 1})
            watcher.wait("status")
            for peer in many:
                peer.socket.do_handshake()
            for peer in many:
                peer.hello("operator")
            assert " 152 operators" in status(address, anna)[0]   # with the one that asks
            for peer in many:
                peer.socket.close()


@test
def a_peer_that_never_reads_is_cut(folder):
    with serving(folder, limits="{ write_queue_bytes: 8192 }") as running:
        address = tls_address(running)
        host, port = address.removeprefix("tls:").split(":")
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect((host, int(port)))
        peer = TlsClient.__new__(TlsClient)
        peer.__dict__.update(Client(f"unix:{folder}/d.sock").__dict__)
        peer.socket = context_of(running.authority.sign("anna")).wrap_socket(line, server_hostname="localhost")
        peer.hello("operator")

        def asks():
            try:
                for _ in range(100):
                    peer.send(status_request={"request": 1, "intersection_name": "B1"})
            except OSError:
                pass
            return "does not read what it is sent" in running.said()
        peer.socket.settimeout(0.2)
        wait_for("the cut", asks, 60)


@test
def a_configuration_is_checked(folder):
    authority = Authority(folder)
    authority.sign("daemon", "DNS:localhost")
    authority.sign("anna")
    good = {"network": town(), "listen": '[ "tls:0.0.0.0:7413" ]', "registry": "peers", "state_dir": "state",
            "tls": "{ certificate: daemon.pem, key: daemon.key, client_authorities: ca.pem }"}
    (folder / "peers").write_text(REGISTRY)

    def check(code=0, **keys):
        lines = {key: value for key, value in {**good, **keys}.items() if value is not None}
        (folder / "d.yaml").write_text("".join(f"{key}: {value}\n" for key, value in lines.items()))
        return run(INTERGREEND, "--config", folder / "d.yaml", "--check-config", code=code)
    assert "expires" not in "".join(check())
    check(listen='[ "0.0.0.0:7413" ]', unencrypted="yes")
    check(listen='[ "127.1.2.3:7413", "[::1]:7413", "localhost:7414" ]', tls=None)
    for keys, why in (({"tls": None}, "TLS needs a certificate"),
                      ({"tls": "{ certificate: daemon.pem, key: daemon.key }"}, "client_authorities"),
                      ({"tls": good["tls"].replace("daemon.key", "anna.key")}, "key cannot be taken"),
                      ({"tls": good["tls"].replace("daemon.pem", "none.pem")}, "No such file"),
                      ({"tls": good["tls"].replace("ca.pem", "ca.key")}, "authorities cannot be taken"),
                      ({"registry": None}, "nothing says who may"),
                      ({"listen": '[ "0.0.0.0:7413" ]'}, "not encrypted"),
                      ({"listen": '[ "127.example:7413" ]'}, "not encrypted"),
                      ({"http": "tls:127.0.0.1:7412"}, "without TLS"),
                      ({"listen": '[ "tls:7413" ]'}, "not an address")):
        assert why in check(1, **keys)[1], (keys, why)
    openssl("pkey", "-in", authority.file("daemon.key"), "-aes128", "-passout", "pass:x", "-out", authority.file("locked.key"))
    assert "key cannot be taken" in check(1, tls=good["tls"].replace("daemon.key", "locked.key"))[1]
    authority.sign("daemon", "DNS:localhost", days=29)
    assert "expires within 30 days" in check()[1]
    authority.sign("daemon", "DNS:localhost", days=-1)
    assert "has expired" in check(1)[1]


main()
