# In a clean root: installs glow-tools, trains the demo, and removes everything again.
# shellcheck shell=bash source=tests/packages/traces.sh
source "$(dirname "$0")/traces.sh"
cd /tmp

apt-get update -q
note_clean
time apt install -y -q /mnt/work/packages/glow-tools_*.deb
note_installed
for tool in train sample eval edit import serve; do glow-$tool --version; done
time glow-train --preset demo --out runs/demo --steps "$STEPS"
time glow-sample runs/demo/model.safetensors -o samples.png
[[ $(head -c 4 samples.png) == $'\x89PNG' ]]
[[ -s /usr/share/man/man1/glow-train.1.gz && -s /usr/share/doc/glow-tools/docs/README.md ]]
expect_no_trace glow-tools
