"""Encryption and signatures of knet packets (spec totem.md section 4.6): the same bytes for nss and openssl.

AES in CBC mode with PKCS#7 padding between a random salt, which is the IV, and an HMAC over both. The cipher's key
is the beginning of the key file, the signature's key is all of it.
"""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from hashell.stack.membership.transport.knet.frames import KnetError

SALT = 16
BLOCK = 16
HASHES = {"md5": 16, "sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}
CIPHERS = {"aes128": 16, "aes192": 24, "aes256": 32}


class Crypto:
    """Cipher and hash of one ring key. Raises KnetError for names that do not exist."""

    def __init__(self, cipher: str, digest: str, key: bytes) -> None:
        if digest not in HASHES or cipher not in (*CIPHERS, "none"):
            raise KnetError("crypto", f"no such crypto: {cipher} with {digest}")
        self._digest = digest
        self._key = key
        self._aes = None if cipher == "none" else algorithms.AES(key[: CIPHERS[cipher]])
        self._tag = HASHES[digest]

    def seal(self, clear: bytes, salt: bytes) -> bytes:
        """Encrypt and sign one packet; `salt` is 16 random bytes, unused without a cipher."""
        body = clear
        if self._aes is not None:
            pad = BLOCK - len(clear) % BLOCK
            engine = Cipher(self._aes, modes.CBC(salt)).encryptor()
            body = salt + engine.update(clear + bytes((pad,)) * pad) + engine.finalize()
        return body + hmac.digest(self._key, body, self._digest)

    def open(self, data: bytes) -> bytes:
        """Check and decrypt one packet. Raises KnetError."""
        body, tag = data[: -self._tag], data[-self._tag :]
        if not hmac.compare_digest(hmac.digest(self._key, body, self._digest), tag):
            raise KnetError("key", "a packet that is not signed with our key")
        if self._aes is None:
            return body
        size = len(body) - SALT
        if size < BLOCK or size % BLOCK:
            raise KnetError("key", "an encrypted packet of an impossible length")
        engine = Cipher(self._aes, modes.CBC(body[:SALT])).decryptor()
        clear = engine.update(body[SALT:]) + engine.finalize()
        if not 1 <= clear[-1] <= BLOCK:
            raise KnetError("key", "an encrypted packet with broken padding")
        return clear[: -clear[-1]]

    def clear_size(self, sealed: int) -> int:
        """The most clear bytes whose sealed packet has at most `sealed` bytes."""
        room = sealed - self._tag
        return room if self._aes is None else (room - SALT) // BLOCK * BLOCK - 1


class KeyRing:
    """The key that seals and, while keys change, a second one that only opens. `salt()` gives 16 random bytes."""

    def __init__(self, active: Crypto | None) -> None:
        self.active = active
        self.other: Crypto | None = None
        self.clear_allowed = active is None

    def open(self, data: bytes) -> bytes:
        """The clear packet. Raises KnetError."""
        active, other = self.active, self.other
        try:
            if active is not None:
                return active.open(data)
        except KnetError:
            if other is None and not self.clear_allowed:
                raise
        if other is not None:
            try:
                return other.open(data)
            except KnetError:
                if not self.clear_allowed:
                    raise
        return data

    def prepare(self, crypto: Crypto | None) -> None:
        """The configuration changed: open packets of the new kind too, seal as before."""
        self.other = crypto
        self.clear_allowed = self.active is None or crypto is None

    def switch(self) -> None:
        """Seal with the new key from now on; the old one still opens."""
        self.active, self.other = self.other, self.active

    def finish(self) -> None:
        """Forget the old key."""
        self.other = None
        self.clear_allowed = self.active is None
