"""Goal: `./dev package` makes a Debian package that a centre can install: its programs run from where they are unpacked, its
configuration is taken once a network is named, its Python client needs no compiler of messages, its unit is sandboxed."""
import shutil
import subprocess

from harness import ROOT, main, test

_unpacked = {}


def unpacked(folder):
    """The package's tree, made once; folder is the first test's own, so a copy stands beside the build."""
    if not _unpacked:
        made = subprocess.run([str(ROOT / "dev"), "package"], capture_output=True, text=True, check=False, cwd=ROOT)
        assert made.returncode == 0, made.stdout + made.stderr
        package, = (ROOT / "build" / "package").glob("*.deb")
        tree = ROOT / "build" / "package" / "unpacked"
        shutil.rmtree(tree, ignore_errors=True)
        subprocess.run(["dpkg-deb", "-x", str(package), str(tree)], check=True)
        _unpacked["tree"], _unpacked["package"] = tree, package
    return _unpacked["tree"]


def run(*words, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


@test
def its_daemon_takes_its_configuration_once_a_network_is_named(folder):
    tree = unpacked(folder)
    run(tree / "usr/bin/intergreen", "generate", "--intersections", 9, "--seed", 1, "-o", folder / "city", "--quiet")
    text = (tree / "etc/intergreen/intergreend.yaml").read_text()
    assert "network: city.net.xml" in text, text
    (folder / "intergreend.yaml").write_text(text.replace("network: city.net.xml", "network: city/network.ig"))
    run(tree / "usr/bin/intergreend", "--config", folder / "intergreend.yaml", "--check-config")


@test
def its_python_client_needs_no_compiler_of_messages(folder):
    tree = unpacked(folder)
    run("/usr/bin/python3", "-c", "from intergreen.messages import message; message('Frame')()", cwd=folder,
        env={"PYTHONPATH": str(tree / "usr/lib/python3/dist-packages"), "PATH": str(folder), "HOME": str(folder)})


@test
def it_depends_on_what_its_programs_load(folder):
    unpacked(folder)
    depends = run("dpkg-deb", "-f", _unpacked["package"], "Depends")
    for name in ["libuv1", "libhiredis0.14", "libwebsockets", "libzstd1", "redis-server"]:
        assert name in depends, depends
    assert run("dpkg-deb", "-I", _unpacked["package"], "conffiles").split() == ["/etc/intergreen/intergreend.yaml"]


@test
def its_unit_is_sandboxed(folder):
    tree = unpacked(folder)
    unit = tree / "lib/systemd/system/intergreend.service"
    assert "ExecStart=/usr/bin/intergreend" in unit.read_text()
    # In tenths: an exposure of 1.2 at most.
    run("systemd-analyze", "security", "--offline=true", "--threshold=12", "--no-pager", unit)


if __name__ == "__main__":
    main()
