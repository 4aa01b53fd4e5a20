"""Certificates of a quorum device: signed by the quorum server through ssh, given to the nodes."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, pkcs12
from cryptography.x509.oid import NameOID

from hashell.shell.commands.resource import failed
from hashell.shell.hosts import Host
from hashell.stack.qdevice.certificates import BUNDLE, FOLDER, STORE

BUNDLE_PATH = FOLDER / STORE / BUNDLE
_SERVER_STORE = Path("/etc/corosync/qnetd/nssdb")
_KEY_BITS = 3072
_WITHOUT = "--qdevice-tls off does without certificates"


def issue(server: Host, cluster: str) -> bytes:
    """A new key with the server's signature, in the file that the original's tools make for all nodes.

    Raises HashellError when the server is not reached or has no authority.
    """
    path = _SERVER_STORE / "qnetd-cacert.crt"
    found = server.run(f"cat -- {path}")
    if found.returncode:
        raise failed(f"{server.name} has nothing to sign with: {path} is missing",
                     f"install corosync-qnetd there, or make it with corosync-qnetd-certutil -i; {_WITHOUT}")
    try:
        authority = x509.load_pem_x509_certificate(_pem(found.stdout))
    except ValueError as error:
        raise failed(f"{server.name}: {path}: {error}", "make it anew there: corosync-qnetd-certutil -i") from None
    key = rsa.generate_private_key(65537, _KEY_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cluster)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    own = x509.load_der_x509_certificate(_signed(server, cluster, request.public_bytes(Encoding.DER)))
    if own.public_key() != key.public_key():
        raise failed(f"{server.name} gave a certificate for another key", "try again; somebody else asked as well")
    return pkcs12.serialize_key_and_certificates(b"Cluster Cert", key, own, [authority], NoEncryption())


def _pem(text: bytes) -> bytes:
    """The server's file begins with a description of the certificate."""
    return text[max(0, text.find(b"-----BEGIN")) :]


def _signed(server: Host, cluster: str, request: bytes) -> bytes:
    name, made = shlex.quote(cluster), shlex.quote(str(_SERVER_STORE / f"cluster-{cluster}.crt"))
    result = server.run(f"f=$(mktemp) && cat >$f && corosync-qnetd-certutil -s -c $f -n {name} >&2 && cat {made}; "
                        "code=$?; rm -f $f; exit $code", request)
    if result.returncode:
        lines = result.stderr.decode("utf-8", "replace").strip().splitlines() or ["it gives no reason"]
        raise failed(f"{server.name} does not sign the cluster's certificate: {lines[-1]}",
                     f"corosync-qnetd has to be installed there; {_WITHOUT}")
    return result.stdout


def give(hosts: Sequence[Host], bundle: bytes) -> None:
    """Raises HashellError."""
    for host in hosts:
        host.write(BUNDLE_PATH, bundle, 0o600)


def take_over(contact: Host, own: Host) -> None:
    """The certificates of the cluster that this machine joins, where it has some. Raises HashellError."""
    if contact.run(f"test -e {shlex.quote(str(BUNDLE_PATH))}").returncode == 0:
        own.write(BUNDLE_PATH, contact.read(BUNDLE_PATH), 0o600)
