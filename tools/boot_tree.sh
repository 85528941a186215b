# Sourced by boot_test.sh and boot_usb.sh: a Debian tree with the agent installed, a config and a library in it; booted
# by systemd-nspawn, and a way into it; points that are counted.
#
# Uses: ROOT (the checkout), WORK (the cache, outside of git). Sets: TREE, LEADER (PID 1 of the tree, seen from here).
# shellcheck shell=bash

SUITE=bookworm
PACKAGES=systemd,systemd-sysv,dbus,udev,python3,libpython3.11,ca-certificates # what the packages depend on
BASE=$WORK/base.tar
TREE=$WORK/tree
CONFIG=/etc/ofa-agent/agent.yaml
LATENCY_MS=600
IN_DAEMON='{seed: 7, time_scale: 9, parts_per_minute: 300}'
SIMULATION=$IN_DAEMON
EXTRA=
NSPAWN=
LEADER=

missing() { # what this machine lacks, one a line
    [ "$(id -u)" = 0 ] || echo "root: run it as root, in a machine of your own"
    command -v systemd-nspawn >/dev/null || echo "systemd-nspawn: apt install systemd-container"
    command -v nsenter >/dev/null || echo "nsenter: apt install util-linux"
    [ -f "$BASE" ] || command -v mmdebstrap >/dev/null || echo "mmdebstrap: apt install mmdebstrap"
    [ -x "$ROOT/.venv/bin/python" ] || echo ".venv: make test, or python3 -m venv .venv && .venv/bin/pip install -e .[test]"
}

base() { # prints the archive of the bare Debian tree, made once
    [ -f "$BASE" ] && echo "$BASE" && return 0
    echo "making a tree of $SUITE" >&2
    # This machine's own sources of Debian packages; the archive's keys are the machine's too.
    local found sources=()
    for found in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
        [ -s "$found" ] && sources=("$found") && break
    done
    timeout 600 mmdebstrap --quiet --variant=minbase --include="$PACKAGES" "$SUITE" "$BASE.part" \
        --format=tar "${sources[@]}" >&2 && mv "$BASE.part" "$BASE" && echo "$BASE"
}

newest() { # the newest of the files named
    # shellcheck disable=SC2012 # names of packages have no blanks
    ls -t "$@" 2>/dev/null | head -1
}

make_tree() { # TREE with the agent in it; INSTALLED says from what
    local archive main simulation
    archive=$(base) || return 1
    rm -rf "$TREE" && mkdir -p "$TREE" && tar -xf "$archive" -C "$TREE" --numeric-owner || return 1
    rm -f "$TREE/etc/machine-id" && : >"$TREE/etc/machine-id"
    echo boot-test >"$TREE/etc/hostname"
    mkdir -p "$TREE/var/log/journal"
    main=$(newest "$ROOT"/build/deb/ofa-agent_*.deb)
    simulation=$(newest "$ROOT"/build/deb/ofa-agent-simulation_*.deb)
    if [ -n "$main" ] && [ -n "$simulation" ]; then
        install_packages "$main" "$simulation"
    else
        install_by_hand
    fi
}

install_packages() {
    INSTALLED="$(basename "$1") $(basename "$2")"
    printf '#!/bin/sh\nexit 101\n' >"$TREE/usr/sbin/policy-rc.d" # nothing is started before the boot
    chmod 755 "$TREE/usr/sbin/policy-rc.d"
    cp "$1" "$2" "$TREE/root/"
    timeout 300 chroot "$TREE" sh -c 'DEBIAN_FRONTEND=noninteractive dpkg -i /root/*.deb' >"$WORK/install.log" 2>&1 || {
        tail -5 "$WORK/install.log" >&2
        return 1
    }
    rm -f "$TREE/usr/sbin/policy-rc.d" "$TREE"/root/*.deb
}

install_by_hand() { # the same places as in the packages, out of this checkout and its virtual environment
    INSTALLED="this checkout, without packages (make deb makes them)"
    local packages python site
    packages=$("$ROOT/.venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))') || return 1
    python=$("$ROOT/.venv/bin/python" -c 'import sys; print(f"python{sys.version_info[0]}.{sys.version_info[1]}")')
    [ -x "$TREE/usr/bin/$python" ] || { echo "the tree has no $python, which .venv is made with" >&2; return 1; }
    site=$TREE/opt/ofa-agent/lib/$python/site-packages
    mkdir -p "$site" "$TREE/opt/ofa-agent/bin" "$TREE/etc/ofa-agent"
    tar -C "$packages" -c --exclude='mypy*' --exclude='*mypyc*' --exclude='matplotlib*' --exclude='fontTools*' \
        --exclude='pymoo*' --exclude='sklearn*' --exclude='scipy*' --exclude='torch*' --exclude='__editable__*' \
        --exclude='ruff*' . | tar -C "$site" -x || return 1
    tar -C "$ROOT" -c --exclude='__pycache__' agent | tar -C "$site" -x || return 1
    printf 'home = /usr/bin\ninclude-system-site-packages = false\n' >"$TREE/opt/ofa-agent/pyvenv.cfg"
    ln -s "/usr/bin/$python" "$TREE/opt/ofa-agent/bin/python3"
    printf '#!/opt/ofa-agent/bin/python3\nimport sys\nfrom agent.cli.main import main\nsys.exit(main())\n' \
        >"$TREE/opt/ofa-agent/bin/ofa-agent"
    chmod 755 "$TREE/opt/ofa-agent/bin/ofa-agent"
    ln -s /opt/ofa-agent/bin/ofa-agent "$TREE/usr/bin/ofa-agent"
    install -Dm644 "$ROOT/systemd/ofa-agent.service" "$TREE/usr/lib/systemd/system/ofa-agent.service"
    install -Dm644 "$ROOT/systemd/simulated-camera.conf" \
        "$TREE/usr/lib/systemd/system/ofa-agent.service.d/simulated-camera.conf"
    install -Dm644 "$ROOT/systemd/ofa-agent.sysusers" "$TREE/usr/lib/sysusers.d/ofa-agent.conf"
    install -Dm644 "$ROOT/systemd/ofa-agent.tmpfiles" "$TREE/usr/lib/tmpfiles.d/ofa-agent.conf"
    install -Dm644 "$ROOT/systemd/70-ofa-agent.rules" "$TREE/usr/lib/udev/rules.d/70-ofa-agent.rules"
    chroot "$TREE" systemd-sysusers >/dev/null && chroot "$TREE" systemctl enable --quiet ofa-agent.service
}

library() { # five sub-nets of the shipped supernet, built once
    [ -f "$WORK/library/manifest.json" ] && return 0
    echo "building a small library"
    rm -rf "$WORK/making" && mkdir -p "$WORK/making"
    (cd "$ROOT" && PYTHONPATH=$ROOT OPENBLAS_NUM_THREADS=1 timeout 300 .venv/bin/python -c "
from pathlib import Path
from tests.support.libraries import build_ladder
build_ladder(Path('$WORK/making'))") >"$WORK/library.log" 2>&1 || { tail -3 "$WORK/library.log" >&2; return 1; }
    rm -rf "$WORK/library" && mv "$WORK/making/library" "$WORK/library" && rm -rf "$WORK/making"
}

configure() { # the config of a machine that simulates its camera
    cat >"$TREE$CONFIG" <<EOF
version: 1
state_dir: /var/lib/ofa-agent
api:
  unix_socket: /run/ofa-agent/api.sock
$EXTRA
web: {listen: "127.0.0.1:9464"}
library: {path: /var/lib/ofa-agent/library}
cameras:
  - name: station-1
    sdk: simulated
    accepted_formats: [openvino-ir-10]
    acquisition: {roi: {x: 184, y: 4, width: 1072, height: 1072}, trigger: {source: Line0, activation: rising}}
    simulation: $SIMULATION
policy:
  default_budget: {max_latency_ms: $LATENCY_MS}
  fail_safe_budget: {max_latency_ms: 100}
  swap: {min_dwell_s: 0, deadline_s: 60}
EOF
    chroot "$TREE" chown root:ofa-agent "$CONFIG" && chmod 640 "$TREE$CONFIG"
}

prepare() {
    library && make_tree && configure || return 1
    mkdir -p "$TREE/var/lib/ofa-agent"
    cp -r "$WORK/library" "$TREE/var/lib/ofa-agent/library"
    chroot "$TREE" chown -R ofa-agent:ofa-agent /var/lib/ofa-agent
}

boot() { # the tree in namespaces of its own, with a cgroup tree as systemd wants it; sets LEADER
    local keep=()
    [ -d /run/systemd/system ] || keep=(--keep-unit)
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare --mount --propagation private bash -c '
        if [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ]; then
            umount -R /sys/fs/cgroup 2>/dev/null
            mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 1
        fi
        exec systemd-nspawn --quiet --register=no --boot --private-network --console=read-only "$@"
    ' boot "${keep[@]}" --machine="ofa-boot-$$" --directory="$TREE" >"$WORK/console.log" 2>&1 </dev/null &
    NSPAWN=$!
    wait_for 30 leader && wait_for 60 booted
}

leader() {
    LEADER=$(pgrep -P "$NSPAWN" -x systemd | head -1)
    [ -n "$LEADER" ]
}

inside() { # a command in the booted tree, for 60 s at most
    timeout 60 nsenter --target "$LEADER" --mount --uts --ipc --net --pid --cgroup -- "$@"
}

booted() {
    case $(inside systemctl is-system-running 2>/dev/null) in running | degraded) return 0 ;; esac
    return 1
}

halt_tree() { # an orderly end, and an end
    [ -n "$NSPAWN" ] || return 0
    kill -TERM "$NSPAWN" 2>/dev/null
    wait_for 30 ended || kill -KILL "$NSPAWN" "$LEADER" 2>/dev/null
    wait "$NSPAWN" 2>/dev/null
    NSPAWN=
}

ended() { ! kill -0 "$NSPAWN" 2>/dev/null; }

wait_for() { # SECONDS COMMAND…: until it succeeds, looking twice a second
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.5
    done
}

PASSED=0
FAILED=0

point() { # NAME RC SHOWN: one line
    if [ "$2" = 0 ]; then
        PASSED=$((PASSED + 1))
        printf 'ok    %s: %s\n' "$1" "$3"
    else
        FAILED=$((FAILED + 1))
        printf 'FAIL  %s: %s\n' "$1" "$3"
    fi
}
