"""Compression of knet's user data: the models and their numbers on the wire (spec totem.md sections 4.2 and 4.6).

zlib, lzma and bzip2 are Python's own; lz4 and zstd need the packages lz4 and zstandard. A receiver undoes every
model it has, whatever its own configuration says.
"""

from __future__ import annotations

import bz2
import importlib
import lzma
import zlib
from typing import Any

MODELS = {"none": 0, "zlib": 1, "lz4": 2, "lz4hc": 3, "lzo2": 4, "lzma": 5, "bzip2": 6, "zstd": 7}
_NAMES = {number: name for name, number in MODELS.items()}
_PACKAGES = {"lz4": "lz4.block", "lz4hc": "lz4.block", "zstd": "zstandard", "lzo2": "lzo"}
MAX_USER_DATA = 65536
DEFAULT_THRESHOLD = 100


def available(model: str) -> bool:
    """Can this installation compress with that model?"""
    if model == "lzo2":
        return False
    try:
        importlib.import_module(_PACKAGES.get(model, "zlib"))
    except ImportError:
        return False
    return True


class Compressor:
    """Compresses what is longer than `threshold` bytes (0 = the default of 100). Raises ValueError for a model or
    level that cannot be had."""

    def __init__(self, model: str, threshold: int = 0, level: int = 0) -> None:
        if model not in MODELS or not available(model):
            raise ValueError(f"compression model {model} is not available here")
        self.number = MODELS[model]
        self.threshold = threshold or DEFAULT_THRESHOLD
        self._model = model
        self._level = level
        self._compress(b"trial")

    def compress(self, data: bytes) -> tuple[int, bytes]:
        """(model number, data): compressed if that is worth it, else (0, as it was)."""
        if not self.number or len(data) <= self.threshold:
            return 0, data
        packed = self._compress(data)
        return (self.number, packed) if len(packed) < len(data) else (0, data)

    def _compress(self, data: bytes) -> bytes:
        level, model = self._level, self._model
        try:
            match model:
                case "zlib":
                    return zlib.compress(data, level or -1)
                case "bzip2":
                    return bz2.compress(data, level or 9)
                case "lzma":
                    return lzma.compress(data, check=lzma.CHECK_NONE, preset=level or None)
                case "zstd":
                    return bytes(_package(model).ZstdCompressor(level=level or 3).compress(data))
                case "lz4":
                    return bytes(_package(model).compress(data, store_size=False))
                case "lz4hc":
                    packer = _package(model)
                    return bytes(packer.compress(data, "high_compression", compression=level, store_size=False))
        except (lzma.LZMAError, zlib.error) as error:
            raise ValueError(f"compression level {level} is not possible with {model}: {error}") from None
        return data


def _package(model: str) -> Any:
    return importlib.import_module(_PACKAGES[model])


def decompress(model: int, data: bytes) -> bytes:
    """Undo compression. Raises ValueError for a broken stream, one that is too long, or a model we do not have."""
    if model == 0:
        return data
    name = _NAMES.get(model, "")
    if not name or not available(name):
        raise ValueError(f"data compressed with {name or f'model {model}'}, which is not available here")
    try:
        if name == "zstd":
            return bytes(_package(name).ZstdDecompressor().decompress(data, max_output_size=MAX_USER_DATA))
        if name in ("lz4", "lz4hc"):
            return bytes(_package(name).decompress(data, uncompressed_size=MAX_USER_DATA))
        engine = _engine(name)
        result: bytes = engine.decompress(data, MAX_USER_DATA)
    except Exception as error:
        # zlib, lzma and the packages for zstd and lz4 each have an error class of their own.
        raise ValueError(f"broken {name} data: {error}") from None
    if not engine.eof:
        raise ValueError(f"{name} data too long or cut")
    return result


def _engine(name: str) -> Any:
    if name == "bzip2":
        return bz2.BZ2Decompressor()
    return lzma.LZMADecompressor(lzma.FORMAT_XZ) if name == "lzma" else zlib.decompressobj()
