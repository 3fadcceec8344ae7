# In a clean root: installs the library, builds and runs the programs of tests/consumer that use the shared and the
# static library, builds the installed examples, and removes everything again.
# shellcheck shell=bash source=tests/packages/traces.sh
source "$(dirname "$0")/traces.sh"
cd /tmp
glow=/mnt/work/glow

apt-get update -q
note_clean
apt-get install -y -q --no-install-recommends g++ cmake make
time apt install -y -q --no-install-recommends /mnt/work/packages/libglow*.deb
note_installed
for program in find_package static; do
  cmake -S "$glow/tests/consumer/$program" -B $program
  cmake --build $program
  $program/app "$glow/tests/reference/fixtures/colour_conv1x1_affine.model.safetensors"
done
for example in sample score_images train_tensors; do
  cmake -S "/usr/share/doc/libglow-dev/examples/$example" -B "example-$example"
  cmake --build "example-$example"
done
ldd find_package/app | grep 'libglow\.so\..* => /'
[[ $(ldd static/app) != *libglow* ]]
library=$(dpkg-query -W -f='${Package}\n' 'libglow[0-9]*')
apt-mark auto g++ cmake make
expect_no_trace libglow-dev "$library"
