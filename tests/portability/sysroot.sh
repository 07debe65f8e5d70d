#!/bin/sh
# tests/portability/sysroot.sh DIR [SUITE]: Debian's arm64 packages that outlive is built with, unpacked into DIR; nothing
# is installed, and this machine's apt is left as it is.
set -eu
dir=$(mkdir -p "$1" && cd "$1" && pwd)
suite=${2:-bookworm}
keys=/usr/share/keyrings/debian-archive-keyring.gpg

apt=$dir/.apt
mkdir -p "$apt/lists/partial" "$apt/archives/partial"
: > "$apt/status"
echo "deb [signed-by=$keys] http://deb.debian.org/debian $suite main" > "$apt/sources"
cat > "$apt/conf" << END
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Dir::State::lists "$apt/lists/";
Dir::State::status "$apt/status";
Dir::Cache "$apt/";
Dir::Etc::sourcelist "$apt/sources";
Dir::Etc::sourceparts "-";
Dir::Etc::main "-";
Dir::Etc::parts "-";
END
export APT_CONFIG="$apt/conf"
apt-get update -qq
apt-get install -qq -y --download-only libc6-dev libdw-dev libelf-dev zlib1g-dev libjansson-dev \
  libiberty-dev libncurses-dev libmicrohttpd-dev
for package in "$apt"/archives/*.deb; do
  dpkg-deb -x "$package" "$dir"
done
rm -rf "$apt"
