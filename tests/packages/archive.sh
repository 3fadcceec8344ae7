# In a clean root: unpacks the archive of the tools, installs what its glow-setup says is missing, draws samples, moves
# the folder and draws them again. /mnt/pypi has a LibTorch.
# shellcheck shell=bash
set -euo pipefail
model=/mnt/work/glow/examples/models/fashion-mnist.safetensors

tar -xf /mnt/work/packages/glow-tools-*.tar.gz -C /opt
mv /opt/glow-tools-* /opt/glow
if /opt/glow/glow-setup >/tmp/missing; then
  echo "glow-setup finds nothing missing in a root without LibTorch"
  exit 1
fi
cat /tmp/missing
grep -q '^missing: LibTorch ' /tmp/missing
apt-get update -q
sed -n 's/^missing: .* apt install \([^ ]*\)$/\1/p' /tmp/missing | xargs apt-get install -y -q --no-install-recommends
/opt/glow/glow-setup /mnt/pypi/lib/python3*/site-packages/torch
/opt/glow/bin/glow-sample "$model" -o /tmp/first.png
mv /opt/glow "/srv/another folder"
"/srv/another folder/glow-setup"
"/srv/another folder/bin/glow-sample" "$model" -o /tmp/second.png
cmp /tmp/first.png /tmp/second.png
