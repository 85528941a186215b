"""Ed25519 signatures over the exact bytes of `manifest.json`; keys are PEM files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import SignatureInvalid

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SIGNATURE_BYTES = 64


def generate_key(private_path: Path, public_path: Path) -> None:
    """Write a new key pair; the private file is readable by its owner only and is never overwritten."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with open(private_path, "xb", opener=_owner_only) as file:
        file.write(private)
    public_path.write_bytes(public)


def sign(data: bytes, private_path: Path) -> bytes:
    """Signature (64 bytes) over `data`. Raises SignatureInvalid where the key cannot be used."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(private_path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as exc:
        raise SignatureInvalid(f"{private_path}: not a usable private key: {exc}") from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise SignatureInvalid(f"{private_path}: {type(key).__name__}, expected an Ed25519 private key")
    return key.sign(data)


def verify(data: bytes, signature: bytes, trusted_keys: Sequence[Path], where: str) -> None:
    """Check that one of the trusted public keys signed `data`. Raises SignatureInvalid."""
    from cryptography.exceptions import InvalidSignature

    if len(signature) != SIGNATURE_BYTES:
        raise SignatureInvalid(f"{where}: signature of {len(signature)} bytes, expected {SIGNATURE_BYTES}")
    for path in trusted_keys:
        try:
            _public_key(path).verify(signature, data)
        except InvalidSignature:
            continue
        return
    raise SignatureInvalid(f"{where}: not signed by any of {len(trusted_keys)} trusted keys")


def _public_key(path: Path) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise SignatureInvalid(f"{path}: not a usable public key: {exc}") from exc
    if not isinstance(key, Ed25519PublicKey):
        raise SignatureInvalid(f"{path}: {type(key).__name__}, expected an Ed25519 public key")
    return key


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
