#!/bin/sh
# Compare the protos with the newest commit before this one that had them; the first version has nothing to break.
set -eu
bin=${BIN:-.venv/bin}
base=$(git rev-list -1 HEAD -- proto 2>/dev/null || true)
if [ -z "$base" ]; then
    echo "buf breaking: no earlier protos"
    exit 0
fi
git rev-parse -q --verify "$base^" >/dev/null && git cat-file -e "$base^:proto" 2>/dev/null && base="$base^"
old=$(mktemp -d)
trap 'rm -rf "$old"' EXIT
git archive "$base" proto | tar -x -C "$old"
cp -r buf.yaml third_party "$old" # by today's rules, and beside the imports of today
"$bin/buf" breaking --against "$old"
