"""`library keygen`, `library sign`: who may publish for a camera."""

from __future__ import annotations

import stat
from pathlib import Path

import click

from agent.cli.connection import JSON
from agent.cli.exits import DONE
from agent.cli.output import print_json
from agent.errors import BadInput, LibraryError

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--public", type=_FILE, help="By default FILE with the ending .pub.")
@JSON
def keygen(file: Path, public: Path | None, as_json: bool) -> int:
    """Make a key pair: FILE signs libraries, its public half is named in library.trusted_keys."""
    from agent.library import generate_key

    public = public or file.with_suffix(".pub")
    if public == file:
        raise BadInput("FILE", f"{file} would be private and public key at once; choose another ending")
    fingerprint = generate_key(file, public)
    if as_json:
        print_json({"private": file, "public": public, "fingerprint": fingerprint})
        return DONE
    click.echo(f"private key: {file} (keep it to yourself: ofa-agent library sign DIR --key {file})")
    click.echo(f"public key:  {public} (name it in library.trusted_keys of the agent's config)")
    click.echo(f"fingerprint: {fingerprint}")
    return DONE


@click.command()
@click.argument("path", type=_FILE)
@click.option("--key", required=True, type=_FILE, help="Private key (PEM), from library keygen.")
@JSON
def sign(path: Path, key: Path, as_json: bool) -> int:
    """Read every file of a library, then sign its manifest in place; a signature there is replaced."""
    from agent.library import key_fingerprint, sign_library, verify_library

    fingerprint = key_fingerprint(key)
    report = verify_library(path)
    if report.problems:
        raise LibraryError(f"{report.problems[0]} (not signed; ofa-agent library verify {path} lists all)")
    digest = sign_library(path, key)
    if key.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        click.echo(f"{key}: can be read by others; chmod 600", err=True)
    if as_json:
        print_json({"path": report.path, "digest": digest, "fingerprint": fingerprint})
    else:
        click.echo(f"signed: {report.path}: manifest {digest}, key {fingerprint}")
    return DONE
