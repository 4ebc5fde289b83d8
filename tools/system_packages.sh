#!/usr/bin/env bash
# system_packages.sh [try|demo]: Debian packages that the tests use (or those of `make try` or `make demo` alone), installed
# where we may, named where we may not.
set -euo pipefail
for=${1:-test}

# What must be there and the packages that bring it. Recommended packages are never counted on: a compiler's headers stand here.
declare -A package_of=([gcc]="gcc libc6-dev" [/usr/include/stdint.h]=libc6-dev)
if [ "$for" != try ]; then
  package_of+=(
    [node]=nodejs [npm]=npm [qemu-system-arm]=qemu-system-arm
    [arm-none-eabi-gcc]="gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib"
  )
fi
if [ "$for" = test ]; then
  package_of+=(
    [g++]=g++ [clang]=clang [clang-format]=clang-format [shellcheck]=shellcheck [qemu-aarch64-static]=qemu-user-static
    [aarch64-linux-gnu-gcc]=gcc-aarch64-linux-gnu [/usr/aarch64-linux-gnu/include/stdint.h]=libc6-dev-arm64-cross
    [arm-linux-gnueabihf-gcc]=gcc-arm-linux-gnueabihf [/usr/arm-linux-gnueabihf/include/stdint.h]=libc6-dev-armhf-cross
    [chromium]=chromium [chromedriver]=chromium-driver [mosquitto]=mosquitto
    [cmake]=cmake [valgrind]=valgrind [mcopy]=mtools [mkfs.vfat]=dosfstools
  )
fi

missing=()
for thing in "${!package_of[@]}"; do
  read -ra packages <<<"${package_of[$thing]}"
  case $thing in
    /*) [ -e "$thing" ] || missing+=("${packages[@]}") ;;
    *) PATH="$PATH:/usr/sbin:/sbin" command -v "$thing" >/dev/null || missing+=("${packages[@]}") ;;
  esac
done
[ "$for" != test ] || compgen -G '/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*' >/dev/null || missing+=(clang libclang-rt-14-dev)
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
# `pipeline.py data` downloads WordNet with apt-get, which needs the package lists
lists=yes
[ "$for" = try ] || compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null || lists=no
[ ${#missing[@]} -eq 0 ] && [ $lists = yes ] && exit 0
[ ${#missing[@]} -eq 0 ] || mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)

echo "installing Debian packages: ${missing[*]:-none, only fetching their lists}"
if [ "$(id -u)" = 0 ]; then sudo=(); elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo=(sudo); else
  echo "error: these Debian packages are missing and cannot be installed without root; run:" >&2
  echo "  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 2
fi
log=$(mktemp)
if ! {
  "${sudo[@]}" apt-get update -q &&
    { [ ${#missing[@]} -eq 0 ] || "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"; }
} >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
rm -f "$log"
