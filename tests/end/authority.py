"""Certificates for tests, made by the program openssl, as docs/operations.md tells it."""
import shutil
import subprocess

from harness import Skip


class Authority:
    """Signs certificates in a folder: NAME.pem with NAME.key."""

    def __init__(self, folder, name="ca"):
        if shutil.which("openssl") is None:
            raise Skip("openssl is not installed")
        self.folder, self.name = folder, name
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "60",
                "-subj", f"/CN=Signals {name}", "-keyout", self.file(f"{name}.key"), "-out", self.file(f"{name}.pem"))

    def file(self, name):
        return str(self.folder / name)

    def sign(self, name, alternative=None, days=60, subject=None, stem=None):
        stem = stem or name
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-subj", subject or f"/CN={name}",
                "-keyout", self.file(f"{stem}.key"), "-out", self.file(f"{stem}.csr"))
        more = []
        if alternative:
            (self.folder / f"{stem}.ext").write_text(f"subjectAltName={alternative}\n")
            more = ["-extfile", self.file(f"{stem}.ext")]
        openssl("x509", "-req", "-in", self.file(f"{stem}.csr"), "-CA", self.file(f"{self.name}.pem"), "-CAkey",
                self.file(f"{self.name}.key"), "-CAcreateserial", "-days", str(days), "-out", self.file(f"{stem}.pem"), *more)
        return self.files(stem)

    def files(self, stem):
        """(certificate, key, authority) as our clients take them."""
        return self.file(f"{stem}.pem"), self.file(f"{stem}.key"), self.file(f"{self.name}.pem")


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)
