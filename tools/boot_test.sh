#!/usr/bin/env bash
# The packages, installed into a Debian tree and booted with systemd: what the service does when it is started, frozen,
# killed, reloaded, stopped. Prints one line for each point, and `N passed, M failed`; exit code 1 where one failed, 2
# where this machine cannot do it. Needs root.
#
#     boot_test.sh [--keep] [POINT…]     --keep leaves the tree booted for a look; points are the functions below
#
# What takes long is kept in build/boot: the bare tree, a small library of sub-nets.
set -u
ROOT=$(cd "$(dirname "$0")/.." && pwd)
WORK=$ROOT/build/boot
KEEP=
[ "${1:-}" = --keep ] && KEEP=--keep && shift
POINTS=("${@:-all}")
mkdir -p "$WORK"
# shellcheck source=tools/boot_tree.sh
. "$ROOT/tools/boot_tree.sh"

UNIT=ofa-agent.service
property() { inside systemctl show "$UNIT" --property "$1" --value; }
agent() { inside ofa-agent "$@" 2>&1; }
log_since() { inside journalctl --unit "$UNIT" --no-pager --output cat --since "@$1" 2>/dev/null; }
now() { date +%s.%6N; }
matches() { [[ "$1" == *$2* ]]; } # TEXT PART
infers() { matches "$(property StatusText)" "1 of 1 cameras ACTIVE"; }
serves() { [ "$(property ActiveState)" = active ] && infers; }
restarted() { [ "$(property NRestarts)" -gt "$1" ] && serves; }
field() { "$ROOT/.venv/bin/python" -c "import json, sys; found = json.load(sys.stdin); print($1)" 2>/dev/null; }

# -- the points --------------------------------------------------------------------------------------------------------

starts() {
    wait_for 90 serves
    local rc=$?
    point "starts at the boot and is READY with the simulated camera" $rc \
        "$(property ActiveState), $(property Type), $(property StatusText)"
    local shown
    shown=$(inside systemctl status "$UNIT" --no-pager | grep 'Status:' | xargs)
    matches "$shown" "station-1 ACTIVE"
    point "systemctl status says what the cameras do" $? "$shown"
    shown=$(agent status --json | field 'found["cameras"][0]["state"], found["cameras"][0]["verified"]')
    [ "$shown" = "ACTIVE True" ]
    point "the command reaches it, and its network is verified" $? "$shown"
    shown=$(log_since 0 | grep -c 'READY=1\|ofa_agent.app ready')
    [ "$(property NRestarts)" = 0 ] && [ "$shown" = 1 ]
    point "the first start is the only one" $? "NRestarts=$(property NRestarts)"
    infers
}

page() {
    local shown
    shown=$(for path in / /healthz /metrics; do
        inside python3 -c "import urllib.request as r; print(r.urlopen('http://127.0.0.1:9464$path', timeout=10).status)"
    done 2>&1 | xargs)
    [ "$shown" = "200 200 200" ]
    point "the status page, its health and the metrics answer on this machine" $? "$shown"
}

confined() {
    local pid shown
    shown=$(inside stat -c '%U:%G %a' /run/ofa-agent /run/ofa-agent/api.sock /var/lib/ofa-agent | xargs)
    [ "$shown" = "ofa-agent:ofa-agent 755 ofa-agent:ofa-agent 660 ofa-agent:ofa-agent 750" ]
    point "owner and mode of runtime folder, socket and state" $? "$shown"
    inside useradd --no-create-home stranger
    inside useradd --no-create-home --groups ofa-agent engineer
    shown=$(inside runuser -u stranger -- ofa-agent status 2>&1 | tail -1)
    [[ "$shown" =~ denied|"may not" ]]
    point "a user outside of the group is kept out" $? "$shown"
    inside runuser -u engineer -- ofa-agent status >/dev/null 2>&1
    point "a user in the group gets in" $? "exit code $?"
    pid=$(property MainPID)
    shown=$(inside grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' "/proc/$pid/status" | tr -s '\t\n' '  ')
    matches "$shown" "CapEff: 0000000000000000 CapBnd: 0000000000000000 NoNewPrivs: 1 Seccomp: 2"
    point "no capabilities, no new privileges, a filter of system calls" $? "$shown"
    shown=$(inside systemd-analyze security "$UNIT" --no-pager | tail -1)
    inside systemd-analyze security "$UNIT" --threshold=20 --no-pager >/dev/null 2>&1
    point "systemd-analyze security is at most 2.0" $? "${shown#* }"
    shown=$(inside systemd-analyze verify --man=no "$UNIT" 2>&1)
    [ -z "$shown" ]
    point "systemd-analyze verify is clean" $? "${shown:-no complaint}"
    shown=$(inside systemctl --failed --no-legend --plain | awk '{print $1}' | xargs)
    ! matches "$shown" ofa-agent && inside systemd-tmpfiles --create ofa-agent.conf
    point "user and tmpfiles are taken without a complaint" $? "failed units: ${shown:-none}"
    shown=$(inside udevadm test /sys/class/mem/null 2>&1)
    matches "$shown" "rules.d/70-ofa-agent.rules" && ! [[ "$shown" =~ 70-ofa-agent\.rules:[0-9] ]]
    point "udev reads the rules without a complaint" $? "$(grep -o 'Reading rules file: .*70-ofa-agent.rules' <<<"$shown")"
}

frozen() {
    local before pid shown began=$SECONDS at
    before=$(property NRestarts) pid=$(property MainPID) at=$(now)
    inside systemctl kill --kill-whom=main --signal=STOP "$UNIT"
    wait_for 90 restarted "$before"
    local rc=$?
    [ "$(property MainPID)" != "$pid" ] || rc=1
    point "frozen: the watchdog kills it, and it is READY again" $rc \
        "after $((SECONDS - began)) s, NRestarts=$(property NRestarts), $(property StatusText)"
    shown=$(log_since "$at")
    matches "$shown" "Watchdog timeout" && matches "$shown" "result 'watchdog'"
    point "the log says that it was the watchdog" $? "$(grep -m1 'Watchdog timeout' <<<"$shown")"
    matches "$shown" "Fatal Python error: Aborted"
    point "the log has where every thread was" $? "$(grep -c 'Thread 0x\|Current thread' <<<"$shown") threads"
}

killed() {
    local before began=$SECONDS swaps shown
    before=$(property NRestarts) swaps=$(swap_count)
    inside systemctl kill --kill-whom=main --signal=KILL "$UNIT"
    wait_for 60 restarted "$before"
    point "killed: it is started again" $? "after $((SECONDS - began)) s, NRestarts=$(property NRestarts)"
    shown=$(agent audit verify | tail -1)
    [ "${swaps:-0}" -ge 1 ] && [ "$(swap_count)" -ge "$swaps" ] && matches "$shown" "the chain holds"
    point "the journal is kept over a kill and a restart" $? "$(swap_count) swaps, $swaps before; audit: $shown"
}

swap_count() { agent swaps --limit 1000 --json | field 'len(found)'; }

as_delivered() { # the camera is in a process of its own, as a real one is; the daemon has no JIT then
    local shown
    inside systemctl stop "$UNIT"
    inside mkdir -p /etc/systemd/system/ofa-agent.service.d
    inside ln -sf /dev/null /etc/systemd/system/ofa-agent.service.d/simulated-camera.conf
    inside systemd-run --quiet --unit=camera --uid=ofa-agent --property=RuntimeDirectory=camera \
        ofa-agent sim serve --socket /run/camera/camera.sock --time-scale 9 --parts-per-minute 300 --seed 7
    wait_for 30 inside test -S /run/camera/camera.sock
    SIMULATION='{socket: /run/camera/camera.sock}' && configure
    inside systemctl daemon-reload && inside systemctl start "$UNIT" && wait_for 60 serves
    shown="MemoryDenyWriteExecute=$(property MemoryDenyWriteExecute), $(property StatusText)"
    matches "$shown" "yes, 1 of 1 cameras ACTIVE"
    point "the unit as it is, without the drop-in for a simulation, serves too" $? "$shown"
    inside systemctl stop "$UNIT" camera.service
    inside rm /etc/systemd/system/ofa-agent.service.d/simulated-camera.conf
    SIMULATION=$IN_DAEMON && configure
    inside systemctl daemon-reload && inside systemctl start "$UNIT" && wait_for 60 serves
}

reloads() {
    local at pid shown rc
    pid=$(property MainPID) at=$(now)
    LATENCY_MS=500 && configure
    inside systemctl reload "$UNIT"
    rc=$?
    shown=$(agent status --json | field 'found["cameras"][0]["budget"]["budget"]["max_latency_ms"]')
    [ $rc = 0 ] && [ "$shown" = 500.0 ]
    point "systemctl reload takes the config over" $? "default budget $shown ms, exit code $rc"
    echo "nonsense: true" >>"$TREE$CONFIG"
    shown=$(inside systemctl reload "$UNIT" 2>&1)
    rc=$?
    [ $rc != 0 ] && [ "$(property ActiveState)" = active ] && [ "$(property MainPID)" = "$pid" ] && infers
    point "a config that is wrong is refused, and the service runs on" $? \
        "exit code $rc; $(log_since "$at" | grep -o 'agent.yaml:[0-9]*: nonsense[^"]*' | tail -1)"
    configure && inside systemctl kill --signal HUP "$UNIT"
    wait_for 10 reloaded_by_signal "$at"
    point "a hang-up reloads too" $? "$(log_since "$at" | grep -o 'config_reloaded.*' | tail -1)"
    [ "$(property ActiveState)" = active ] && [ "$(property MainPID)" = "$pid" ]
    point "no reload restarted it" $? "pid $pid, $(property ActiveState)"
}

reloaded_by_signal() { matches "$(log_since "$1")" "config_reloaded origin=signal"; }

drains() {
    local at began shown rc other
    at=$(now)
    other=$(agent status --json | field '[one["subnet_id"] for one in found["cameras"][0]["decision"]["candidates"]
        if one["subnet_id"] != found["cameras"][0]["active_subnet_id"]][-1]')
    agent pin "$other" >/dev/null
    wait_for 10 swapping "$at"
    began=$SECONDS
    inside systemctl stop "$UNIT"
    rc=$?
    shown=$(log_since "$at" | grep -oE 'swap_started|swap_ended|(app|service) stopping|outcome=[A-Za-z_]+' | xargs)
    [ $rc = 0 ] && [ "$(property Result)" = success ] && [ "$(property ExecMainStatus)" = 0 ] &&
        [[ "$shown" =~ swap_started.*stopping.*swap_ended.*outcome=verified ]]
    point "a stop drains the swap under way" $? "$shown; $((SECONDS - began)) s, $(property Result)"
    inside systemctl start "$UNIT" && wait_for 60 serves
    shown=$(agent swaps --limit 1 --json | field 'found[0]["outcome"], found[0]["to_subnet_id"]')
    [ "$shown" = "VERIFIED $other" ]
    point "the swap is in the journal as it ended" $? "$shown"
}

swapping() { matches "$(log_since "$1")" swap_started; }

credential() {
    local shown rc
    agent pki init /root/ca --plant plant >/dev/null
    agent pki server /root/ca --host 127.0.0.1 >/dev/null
    agent pki client /root/ca engineer >/dev/null
    inside sh -c 'install -d -m 700 /etc/credstore && cp /root/ca/servers/*/key.pem /etc/credstore/ofa-agent.tls.key &&
        cp /root/ca/servers/*/cert.pem /etc/credstore/ofa-agent.tls.crt && chmod 600 /etc/credstore/* &&
        install -m 644 /root/ca/servers/*/ca.pem /root/ca/revoked.pem /etc/ofa-agent/'
    EXTRA='  tcp:
    listen: "127.0.0.1:7443"
    tls:
      cert: /run/credentials/ofa-agent.service/tls.crt
      key: /run/credentials/ofa-agent.service/tls.key
      client_ca: /etc/ofa-agent/ca.pem
      revoked: /etc/ofa-agent/revoked.pem
    roles: {"spiffe://plant/*": read}'
    configure && inside systemctl restart "$UNIT" && wait_for 60 serves
    shown=$(inside sh -c 'cd /root/ca/clients/engineer && ofa-agent status --address 127.0.0.1:7443 --ca ca.pem \
        --cert cert.pem --key key.pem --json' | field 'found["cameras"][0]["state"]')
    [ "$shown" = ACTIVE ]
    point "a TLS key comes in as a credential" $? "over mutual TLS: $shown"
    shown=$(inside stat -c '%U %a' /etc/credstore/ofa-agent.tls.key)
    ! inside runuser -u ofa-agent -- cat /etc/credstore/ofa-agent.tls.key >/dev/null 2>&1
    rc=$?
    ! inside runuser -u engineer -- cat /run/credentials/$UNIT/tls.key >/dev/null 2>&1 || rc=1
    point "nobody else reads the key, on disk or in memory" $rc "$shown"
}

refuses_to_loop() {
    local before
    before=$(property NRestarts)
    inside systemctl stop "$UNIT"
    echo "nonsense: true" >"$TREE$CONFIG" && chroot "$TREE" chown root:ofa-agent "$CONFIG"
    inside systemctl start "$UNIT" && wait_for 60 serves
    point "with a config that is wrong it starts on the last good one" $? "$(property StatusText)"
    inside systemctl stop "$UNIT" && rm -f "$TREE"/var/lib/ofa-agent/config.last-good.yaml
    inside systemctl start "$UNIT" >/dev/null 2>&1
    sleep 5
    [ "$(property ActiveState)" = failed ] && [ "$(property ExecMainStatus)" = 2 ]
    point "without one it does not start, and is not tried again and again" $? \
        "$(property ActiveState), exit code $(property ExecMainStatus)"
}

main() {
    local lacks name began=$SECONDS
    lacks=$(missing)
    if [ -n "$lacks" ]; then
        printf 'boot_test: this machine lacks\n%s\n' "$lacks" >&2
        exit 2
    fi
    trap 'halt_tree; [ "$KEEP" = --keep ] || rm -rf "$TREE"' EXIT
    trap 'exit 130' INT TERM
    prepare || { echo "boot_test: the tree could not be made; see $WORK" >&2; exit 2; }
    boot || { tail -5 "$WORK/console.log" >&2; echo "boot_test: the tree did not boot; see $WORK/console.log" >&2; exit 2; }
    echo "booted in $((SECONDS - began)) s: $INSTALLED"
    if [ "${POINTS[0]}" = all ]; then POINTS=(page confined frozen killed as_delivered reloads drains credential refuses_to_loop); fi
    starts || { log_since 0 | tail -5; echo "boot_test: the service does not start; the rest cannot be seen" >&2; exit 1; }
    for name in "${POINTS[@]}"; do "$name"; done
    log_since 0 >"$WORK/service.log"
    echo "took $((SECONDS - began)) s; the service's log is in build/boot/service.log"
    echo "$PASSED passed, $FAILED failed"
    if [ "$KEEP" = --keep ]; then
        echo "the tree is booted: nsenter --target $LEADER --mount --uts --ipc --net --pid --cgroup; Enter ends it"
        read -r _
    fi
    [ "$FAILED" = 0 ]
}

main
