"""Libraries of sub-nets: manifest, content-addressed store, blob formats, signatures (interfaces.md section 5)."""

from agent.library.blob import FORMATS, BlobFormat, BlobInfo, InputMismatch
from agent.library.formats import inspect_blob, sniff
from agent.library.manifest import Manifest
from agent.library.publish import Publication, publish, sign_library
from agent.library.report import FileReport, LibrarySummary, VerifyReport, inspect_file, show_library, verify_library
from agent.library.signing import generate_key, key_fingerprint
from agent.library.store import GoldenImage, Library, followed, open_library

__all__ = [
    "FORMATS",
    "BlobFormat",
    "BlobInfo",
    "FileReport",
    "GoldenImage",
    "InputMismatch",
    "Library",
    "LibrarySummary",
    "Manifest",
    "Publication",
    "VerifyReport",
    "followed",
    "generate_key",
    "inspect_blob",
    "inspect_file",
    "key_fingerprint",
    "open_library",
    "publish",
    "show_library",
    "sign_library",
    "sniff",
    "verify_library",
]
