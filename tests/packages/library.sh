# In a clean root: installs the library, builds and runs the program of tests/consumer/find_package with the shared and
# with the static library, and removes everything again.
# shellcheck shell=bash source=tests/packages/traces.sh
source "$(dirname "$0")/traces.sh"
cd /tmp
glow=/mnt/work/glow

apt-get update -q
note_clean
apt-get install -y -q --no-install-recommends g++ cmake make
time apt install -y -q --no-install-recommends /mnt/work/packages/libglow*.deb
note_installed
for library in shared static; do
  cp -r "$glow/tests/consumer/find_package" $library
  [[ $library == shared ]] || sed -i 's/find_package(Glow 0.1/& COMPONENTS static/' $library/CMakeLists.txt
  cmake -S $library -B $library/build
  cmake --build $library/build
  $library/build/app "$glow/tests/reference/fixtures/colour_conv1x1_affine.model.safetensors"
done
ldd shared/build/app | grep 'libglow\.so\.0\.1 => /'
[[ $(ldd static/build/app) != *libglow* ]]
apt-mark auto g++ cmake make
expect_no_trace libglow-dev libglow0.1
