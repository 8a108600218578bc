"""The messages of proto/, as classes of protobuf's own Python library.

Nothing generated is kept in the source: an installed package carries the descriptors that its build made; in a checkout
protoc (Debian's protobuf-compiler) makes them at the first use, into the user's cache, under a name that changes with the
files. The classes live in a descriptor pool of their own, so that they quarrel with nobody else's.
"""
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from .errors import Error

PACKAGE = "intergreen.v1"
DESCRIPTORS = "messages.bin"
_HERE = pathlib.Path(__file__).resolve().parent


def proto_files():
    """The .proto files of the checkout that this package lies in."""
    return sorted((_HERE.parent.parent / "proto").glob("*.proto"))


def compile_protos(protos, target):
    """Writes the descriptors of all messages to the file `target`."""
    if shutil.which("protoc") is None:
        raise Error("protoc is not installed: install Debian's protobuf-compiler, or install this package with pip")
    folder = pathlib.Path(target).parent
    folder.mkdir(parents=True, exist_ok=True)
    part = tempfile.NamedTemporaryFile(dir=folder, prefix=".messages-", delete=False)
    part.close()
    done = subprocess.run(["protoc", f"--descriptor_set_out={part.name}", "-I", str(protos[0].parent), *map(str, protos)],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        os.unlink(part.name)
        raise Error(f"protoc does not take {protos[0].parent}: {done.stderr.strip()}")
    os.replace(part.name, target)                              # whole or not at all: others may read it meanwhile


def _descriptors():
    installed = _HERE / DESCRIPTORS
    if installed.exists():
        return installed.read_bytes()
    protos = proto_files()
    if not protos:
        raise Error(f"{_HERE}: neither {DESCRIPTORS} nor a checkout's proto/ is here: install the package with pip")
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in protos)).hexdigest()[:16]
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    for folder in (pathlib.Path(home) / "intergreen", pathlib.Path(tempfile.gettempdir()) / f"intergreen-{os.getuid()}"):
        made = folder / f"messages-{digest}.bin"
        try:
            if not made.exists():
                compile_protos(protos, made)
            return made.read_bytes()
        except OSError:
            continue                                           # a read-only home: the next folder
    raise Error("no folder for the compiled messages can be written: set XDG_CACHE_HOME to one that can")


def _load():
    files = descriptor_pb2.FileDescriptorSet.FromString(_descriptors())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    make = getattr(message_factory, "GetMessageClass", None) or message_factory.MessageFactory(pool).GetPrototype
    classes = {}
    for file in files.file:
        for message in file.message_type:
            classes[message.name] = make(pool.FindMessageTypeByName(f"{PACKAGE}.{message.name}"))
    return classes


_classes = None


def message(name):
    """The class of a message: message("Frame")."""
    global _classes
    if _classes is None:
        _classes = _load()
    return _classes[name]
