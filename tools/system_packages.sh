#!/usr/bin/env bash
# Debian packages that the tests and the demo use: installed where we may, named where we may not.
set -euo pipefail

declare -A package_of=(
  [gcc]=gcc [clang]=clang [clang-format]=clang-format [node]=nodejs [npm]=npm
  [arm-none-eabi-gcc]="gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib"
  [qemu-system-arm]=qemu-system-arm [qemu-aarch64-static]=qemu-user-static
  [aarch64-linux-gnu-gcc]=gcc-aarch64-linux-gnu
  [arm-linux-gnueabihf-gcc]="gcc-arm-linux-gnueabihf libc6-dev-armhf-cross"
  [valgrind]=valgrind [mcopy]=mtools [mkfs.vfat]=dosfstools
)
missing=()
for tool in "${!package_of[@]}"; do
  PATH="$PATH:/usr/sbin:/sbin" command -v "$tool" >/dev/null || missing+=(${package_of[$tool]})
done
ls /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-* >/dev/null 2>&1 || missing+=(clang libclang-rt-14-dev)
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
# `pipeline.py data` downloads WordNet with apt-get, which needs the package lists
ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1 && lists=yes || lists=no
[ ${#missing[@]} -eq 0 ] && [ $lists = yes ] && exit 0

echo "installing Debian packages: ${missing[*]:-none, only fetching the lists of apt}"
if [ "$(id -u)" = 0 ]; then sudo=(); elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo=(sudo); else
  echo "error: these Debian packages are missing and cannot be installed without root; run:" >&2
  echo "  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 2
fi
"${sudo[@]}" apt-get update -q >/dev/null
[ ${#missing[@]} -eq 0 ] || DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
