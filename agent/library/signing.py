"""Ed25519 signatures over the exact bytes of `manifest.json`; keys are PEM files."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import BadInput, LibraryError, SignatureInvalid
from agent.library.files import read_regular, sync_directory

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNATURE_BYTES = 64
MAX_KEY_BYTES = 16 * 1024
PRIVATE_MODE, PUBLIC_MODE = 0o600, 0o644


def generate_key(private_path: Path, public_path: Path) -> str:
    """Write a new key pair and return its fingerprint.

    The private file is readable by its owner only. Neither file may exist: a lost key cannot be had again.
    Raises BadInput; then neither file is left.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = _public_pem(key.public_key())
    if os.path.lexists(public_path):
        raise BadInput("FILE", f"{public_path} exists; a key is never overwritten")
    _write_new(private_path, private, PRIVATE_MODE)
    try:
        _write_new(public_path, public, PUBLIC_MODE)
    except (BadInput, OSError):
        private_path.unlink()
        raise
    return _fingerprint(key.public_key())


def sign(data: bytes, private_path: Path) -> bytes:
    """Signature (64 bytes) over `data`. Raises SignatureInvalid where the key cannot be used."""
    return _private_key(private_path).sign(data)


def trusted(paths: Sequence[Path]) -> tuple[Ed25519PublicKey, ...]:
    """The public keys in those files: at least one, all usable and all different.

    One that cannot be used is never passed over: somebody relies on it, or on its being gone. Raises SignatureInvalid.
    """
    if not paths:
        raise SignatureInvalid("trusted keys: none is named, so that no library can be trusted; name a key")
    found: dict[bytes, Path] = {}
    keys = []
    for path in paths:
        key = _public_key(path)
        first = found.setdefault(key.public_bytes_raw(), path)
        if first is not path:
            raise SignatureInvalid(f"{path}: the same key as {first}; name every trusted key once")
        keys.append(key)
    return tuple(keys)


def verify(data: bytes, signature: bytes, keys: Sequence[Ed25519PublicKey], where: str) -> None:
    """Check that one of the keys signed `data`. Raises SignatureInvalid."""
    from cryptography.exceptions import InvalidSignature

    if len(signature) != SIGNATURE_BYTES:
        raise SignatureInvalid(f"{where}: signature of {len(signature)} bytes, expected {SIGNATURE_BYTES}")
    for key in keys:
        try:
            key.verify(signature, data)
        except InvalidSignature:
            continue
        return
    raise SignatureInvalid(f"{where}: not signed by any of {len(keys)} trusted keys")


def key_fingerprint(private_path: Path) -> str:
    """Hex sha256 of the public half: what two people compare. Raises SignatureInvalid."""
    return _fingerprint(_private_key(private_path).public_key())


def _fingerprint(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()


def _private_key(path: Path) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(_read_key(path), password=None)
    except (LibraryError, UnsupportedAlgorithm, ValueError, TypeError) as exc:
        raise SignatureInvalid(f"{path}: not a usable private key: {exc}") from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise SignatureInvalid(f"{path}: {type(key).__name__}, expected an Ed25519 private key")
    return key


def _public_key(path: Path) -> Ed25519PublicKey:
    """The key of a file that holds it and nothing else: of two keys one would be passed over unseen."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        data = _read_key(path)
        key = load_pem_public_key(data)
    except (LibraryError, UnsupportedAlgorithm, ValueError) as exc:
        raise SignatureInvalid(f"{path}: not a usable public key: {exc}") from exc
    if not isinstance(key, Ed25519PublicKey):
        raise SignatureInvalid(f"{path}: {type(key).__name__}, expected an Ed25519 public key")
    if data.replace(b"\r\n", b"\n").rstrip(b"\n") != _public_pem(key).rstrip(b"\n"):
        raise SignatureInvalid(f"{path}: holds more than one public key in PEM form; give each key a file of its own")
    return key


def _public_pem(key: Ed25519PublicKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _read_key(path: Path) -> bytes:
    """Links are followed: mounted secrets are links."""
    return read_regular(Path(os.path.realpath(path)), MAX_KEY_BYTES)


def _write_new(path: Path, data: bytes, mode: int) -> None:
    """Whole or not at all under its name: a torn key could be neither used nor made again."""
    staging = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, mode)  # whatever the umask says
            file.write(data)
            file.flush()
            os.fsync(handle)
        _name(staging, path)
    except FileExistsError as exc:
        raise BadInput("FILE", f"{path} exists; a key is never overwritten") from exc
    except OSError as exc:
        raise BadInput("FILE", f"{path} cannot be written: {exc.strerror}") from exc
    finally:
        staging.unlink(missing_ok=True)
    sync_directory(path.absolute().parent)


def _name(staging: Path, path: Path) -> None:
    """Give the file its name, which nothing may have. Raises FileExistsError."""
    try:
        os.link(staging, path)
    except FileExistsError:
        raise
    except OSError:  # a stick's file system has no links
        if os.path.lexists(path):
            raise FileExistsError(path) from None
        os.rename(staging, path)
