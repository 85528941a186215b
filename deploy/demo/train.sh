#!/bin/sh
# Train the demo's supernet again into .demo/training (see README.md here); $1 is the folder of the environment's commands.
set -eu
bin=${1:?usage: train.sh BIN}
work=.demo/training
mkdir -p "$work"
[ -f "$work/train.npz" ] || "$bin/python" -m agent.sim.parts --seed 1 --count 32000 --out "$work/train.npz"
[ -f "$work/held-out.npz" ] || "$bin/python" -m agent.sim.parts --seed 2 --count 5000 --out "$work/held-out.npz"
"$bin/python" -m agent.builder.train --images "$work/train.npz" --held-out "$work/held-out.npz" \
    --out "$work/supernet.safetensors" --log "$work/training-log.json" --steps 4223,2578,3641 \
    --resume "$work/checkpoints"
echo "compare $work/training-log.json, then copy both files to deploy/demo"
