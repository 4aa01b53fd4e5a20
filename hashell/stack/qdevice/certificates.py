"""Certificates of the quorum device: those that the original's tools made, or PEM files.

`corosync-qdevice-net-certutil -M` and `-m` leave `qdevice-net-node.p12` beside the original's own store: the cluster's
certificate with its key, and the authority of the quorum server. Without that file `ca.pem` and `node.pem` are read.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

FOLDER = Path("/etc/corosync/qdevice/net")
#: Both below FOLDER.
STORE = "nssdb"
PEM_FOLDER = "tls"
BUNDLE = "qdevice-net-node.p12"
_PASSWORD = "pwdfile.txt"  #: beside the bundle; the original's tools leave it empty


def tls_context(folder: Path) -> ssl.SSLContext:
    """What a connection to the server needs, from `folder` (/etc/corosync/qdevice/net).

    Raises OSError when nothing is there or a file cannot be read, ValueError for a file that is not what it should be.
    """
    bundle = folder / STORE / BUNDLE
    if bundle.exists():
        return _from_bundle(bundle)
    pem = folder / PEM_FOLDER
    if not (pem / "ca.pem").exists():
        raise FileNotFoundError(f"no certificates: neither {bundle} (made by corosync-qdevice-net-certutil -M on one "
                                f"node, copied to the others) nor {pem / 'ca.pem'} is there")
    context = _context(cafile=str(pem / "ca.pem"))
    if (pem / "node.pem").exists():
        context.load_cert_chain(str(pem / "node.pem"))
    return context


def _from_bundle(path: Path) -> ssl.SSLContext:
    password = path.parent / _PASSWORD
    words = password.read_bytes().strip() if password.exists() else b""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the original's tools write BER, which is read with a warning
        try:
            key, own, others = pkcs12.load_key_and_certificates(path.read_bytes(), words)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    if key is None or own is None or not others:
        raise ValueError(f"{path} lacks the key, the certificate or the authority of the server")
    authority = b"".join(one.public_bytes(Encoding.PEM) for one in others)
    context = _context(cadata=authority.decode())
    chain = own.public_bytes(Encoding.PEM)
    chain += key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with _unnamed_file(chain) as name:
        context.load_cert_chain(name)
    return context


def _context(cafile: str | None = None, cadata: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=cafile, cadata=cadata)
    # The authorities that the original's tools make lack key identifiers, which newer Pythons insist on.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


@contextlib.contextmanager
def _unnamed_file(data: bytes) -> Iterator[str]:
    """A name for data that never reaches a disk: OpenSSL takes keys from files only."""
    descriptor = os.memfd_create("certificate")
    try:
        os.write(descriptor, data)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
