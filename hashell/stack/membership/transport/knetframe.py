"""The packets of libknet, on-wire version 1, clear and encrypted (spec totem.md sections 4.2 and 4.6).

Multi-byte fields are big-endian, but for the size in path MTU packets. Encryption is AES in CBC mode with PKCS#7
padding between a random salt, which is the IV, and an HMAC over both.
"""

from __future__ import annotations

import hmac
import struct
import zlib
from dataclasses import dataclass

VERSION = 1
DATA, PING, PONG, PMTUD, PMTUD_REPLY = 0x00, 0x81, 0x82, 0x83, 0x84
SALT = 16
ZLIB = 1
MAX_USER_DATA = 65536

_DATA = struct.Struct(">BBHxxHBxBBBb")
_PING = struct.Struct(">BBHxxB16sHB")
_PMTUD = struct.Struct(">BBHxxB")
_HASHES = {"md5": 16, "sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}
_CIPHERS = {"aes128": 16, "aes192": 24, "aes256": 32}


class KnetError(ValueError):
    """A datagram that is no usable knet packet."""


@dataclass(frozen=True, slots=True)
class Data:
    """User data or a piece of it: `frag_seq` 0 of 1, or 1 to `frag_num`. compress: 0 none, 1 zlib."""

    node: int
    seq: int
    data: bytes
    compress: int = 0
    bcast: int = 0
    frag_num: int = 1
    frag_seq: int = 0
    channel: int = 0
    type: int = DATA

    def encode(self) -> bytes:
        return _DATA.pack(
            VERSION, DATA, self.node, self.seq, self.compress, self.bcast, self.frag_num, self.frag_seq, self.channel
        ) + self.data  # fmt: skip

    def user_data(self) -> bytes:
        """The data of an unfragmented packet, decompressed. Raises KnetError."""
        return decompress(self.compress, self.data)


@dataclass(frozen=True, slots=True)
class Ping:
    """Ping or pong; `time` is opaque to the one who answers. timed: 1 periodic, 0 forced."""

    type: int
    node: int
    link: int
    time: bytes
    seq: int
    timed: int

    def encode(self) -> bytes:
        return _PING.pack(VERSION, self.type, self.node, self.link, self.time, self.seq, self.timed)


@dataclass(frozen=True, slots=True)
class Pmtud:
    """Path MTU probe, padded with zeros to the size probed, or its short reply. `size` in bytes of the IP packet."""

    type: int
    node: int
    link: int
    size: int
    padding: int = 0

    def encode(self) -> bytes:
        head = _PMTUD.pack(VERSION, self.type, self.node, self.link) + struct.pack("<H", self.size)
        return head + bytes(self.padding)


Frame = Data | Ping | Pmtud


def decode(data: bytes) -> Frame:
    """The packet in clear bytes. Raises KnetError."""
    if len(data) < 7:
        raise KnetError(f"{len(data)} bytes are too short for knet")
    if data[0] != VERSION:
        raise KnetError(f"knet version {data[0]}")
    kind = data[1]
    if kind == DATA:
        if len(data) < _DATA.size:
            raise KnetError("cut data packet")
        _, _, node, seq, compress, bcast, frag_num, frag_seq, channel = _DATA.unpack_from(data)
        if not frag_num or frag_seq > frag_num:
            raise KnetError(f"fragment {frag_seq} of {frag_num}")
        return Data(node, seq, data[_DATA.size :], compress, bcast, frag_num, frag_seq, channel)
    if kind in (PING, PONG):
        if len(data) < _PING.size:
            raise KnetError("cut ping")
        _, _, node, link, time, seq, timed = _PING.unpack_from(data)
        return Ping(kind, node, link, time, seq, timed)
    if kind in (PMTUD, PMTUD_REPLY):
        if len(data) < 9:
            raise KnetError("cut path MTU packet")
        _, _, node, link = _PMTUD.unpack_from(data)
        return Pmtud(kind, node, link, struct.unpack_from("<H", data, 7)[0], len(data) - 9)
    raise KnetError(f"knet packet type 0x{kind:02x}")


def decompress(model: int, data: bytes) -> bytes:
    """Undo compression. Raises KnetError for a broken stream or a model that is not built in."""
    if model == 0:
        return data
    if model != ZLIB:
        raise KnetError(f"compression model {model} is not built in")
    engine = zlib.decompressobj()
    try:
        result = engine.decompress(data, MAX_USER_DATA)
    except zlib.error as error:
        raise KnetError(f"broken zlib data: {error}") from None
    if not engine.eof:
        raise KnetError("zlib data too long or cut")
    return result


class Crypto:
    """Cipher and hash of one ring key. Raises KnetError for names that do not exist."""

    def __init__(self, cipher: str, digest: str, key: bytes) -> None:
        if digest not in _HASHES or cipher not in (*_CIPHERS, "none"):
            raise KnetError(f"no such crypto: {cipher} with {digest}")
        self._cipher = cipher
        self._digest = digest
        self._key = key
        self._secret = key[: _CIPHERS.get(cipher, 0)]
        self._tag = _HASHES[digest]

    def seal(self, clear: bytes, salt: bytes) -> bytes:
        """Encrypt and sign one packet; `salt` is 16 random bytes, unused without a cipher."""
        body = clear
        if self._cipher != "none":
            pad = 16 - len(clear) % 16
            body = salt + self._crypt(salt, clear + bytes([pad]) * pad, True)
        return body + hmac.digest(self._key, body, self._digest)

    def open(self, data: bytes) -> bytes:
        """Check and decrypt one packet. Raises KnetError."""
        body, tag = data[: -self._tag], data[-self._tag :]
        if not hmac.compare_digest(hmac.digest(self._key, body, self._digest), tag):
            raise KnetError("packet not signed with our key")
        if self._cipher == "none":
            return body
        secret = body[SALT:]
        if len(secret) < 16 or len(secret) % 16:
            raise KnetError("encrypted packet of an impossible length")
        clear = self._crypt(body[:SALT], secret, False)
        if not 1 <= clear[-1] <= 16:
            raise KnetError("encrypted packet with broken padding")
        return clear[: -clear[-1]]

    def _crypt(self, iv: bytes, data: bytes, encrypt: bool) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        cipher = Cipher(algorithms.AES(self._secret), modes.CBC(iv))
        engine = cipher.encryptor() if encrypt else cipher.decryptor()
        return engine.update(data) + engine.finalize()
