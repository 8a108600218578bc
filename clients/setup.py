"""Builds the package with the compiled descriptors of proto/ in it, so that an installed one needs no protoc."""
import pathlib
import sys

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).resolve().parent


class BuildWithMessages(build_py):
    def run(self):
        super().run()
        sys.path.insert(0, str(HERE))
        from intergreen.messages import DESCRIPTORS, compile_protos, proto_files
        compile_protos(proto_files(), pathlib.Path(self.build_lib) / "intergreen" / DESCRIPTORS)


setup(cmdclass={"build_py": BuildWithMessages})
