#!/bin/sh
# Resolves the runtime dependencies for every supported Python and machine, with the digest of every file.
# Usage: resolve.sh UV [--upgrade]; without --upgrade versions that still fit are kept. Run in the repository's root.
set -eu
uv=$1
shift
lock() {
  out=$1
  shift
  "$uv" pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header --no-config \
    --no-emit-index-url --output-file "deploy/lock/$out" "$@"
}
lock tools.lock deploy/lock/tools.in "$@"
lock agent.lock pyproject.toml "$@"
lock simulation.lock pyproject.toml --extra demo --constraint deploy/lock/agent.lock "$@"
