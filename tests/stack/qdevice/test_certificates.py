"""Certificates of the quorum device: files as the original's tools and administrators leave them, and a handshake."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from cryptography.x509.oid import NameOID

from hashell.stack.qdevice.certificates import BUNDLE, PEM_FOLDER, STORE, tls_context

SERVER = "Qnetd Server"


class Authority:
    """One like the original's: it signs by name alone, without the extensions of the public web."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self.sign("QNet CA", self.key, True)

    def sign(self, name: str, key: ec.EllipticCurvePrivateKey, is_authority: bool = False) -> x509.Certificate:
        def named(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        now, days = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=9)
        builder = (x509.CertificateBuilder().subject_name(named(name)).issuer_name(named("QNet CA"))
                   .public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now - days).not_valid_after(now + days))
        if is_authority:
            builder = builder.add_extension(x509.BasicConstraints(True, 0), critical=True)
        return builder.sign(self.key, hashes.SHA256())

    def pem(self, name: str) -> bytes:
        """A signed certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        return (self.sign(name, key).public_bytes(Encoding.PEM)
                + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))  # fmt: skip

    def bundle(self, name: str) -> bytes:
        key = ec.generate_private_key(ec.SECP256R1())
        return pkcs12.serialize_key_and_certificates(b"Cluster Cert", key, self.sign(name, key), [self.certificate],
                                                     NoEncryption())  # fmt: skip


def shake_hands(client: ssl.SSLContext, authority: Authority, folder: Path) -> None:
    """A handshake in memory with a server that insists on a certificate. Raises ssl.SSLError."""
    (folder / "server.pem").write_bytes(authority.pem(SERVER))
    (folder / "ca").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem")
    server.load_verify_locations(folder / "ca")
    server.verify_mode = ssl.CERT_REQUIRED
    server.verify_flags &= ~ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(to_client, to_server, server_hostname=SERVER),
            server.wrap_bio(to_server, to_client, server_side=True)]  # fmt: skip
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert ends[0].getpeercert() and ends[1].getpeercert()


def test_the_bundle_of_the_original_s_tools(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / STORE).mkdir()
    (tmp_path / STORE / BUNDLE).write_bytes(authority.bundle("lab"))
    shake_hands(tls_context(tmp_path), authority, tmp_path)
    with pytest.raises(ssl.SSLError):
        shake_hands(tls_context(tmp_path), Authority(), tmp_path)


def test_pem_files(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / PEM_FOLDER).mkdir()
    (tmp_path / PEM_FOLDER / "ca.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    (tmp_path / PEM_FOLDER / "node.pem").write_bytes(authority.pem("lab"))
    shake_hands(tls_context(tmp_path), authority, tmp_path)


def test_without_any_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="corosync-qdevice-net-certutil -M"):
        tls_context(tmp_path)


@pytest.mark.parametrize("data", [b"", b"no bundle", b"\x30\x82\xff"])
def test_what_is_no_bundle_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / STORE).mkdir()
    (tmp_path / STORE / BUNDLE).write_bytes(data)
    with pytest.raises(ValueError, match=BUNDLE):
        tls_context(tmp_path)
