# In a clean root: the first two blocks of commands in README.md, in a clone. The training has few steps.
# shellcheck shell=bash
set -euo pipefail

cp -a /mnt/work/glow /root/glow
cd /root/glow
awk '/^```sh$/ { on = 1; ++blocks; next } /^```$/ { on = 0 } on && blocks <= 2' README.md |
  sed "s|--preset demo|& --steps $STEPS|" >/tmp/commands
cat /tmp/commands
# shellcheck disable=SC1091
source /tmp/commands
[[ -s runs/demo/model.safetensors ]]
