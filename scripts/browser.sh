#!/usr/bin/env bash
# browser.sh [--find]: prints the path of a Chromium for the browser tests. Looks for $CHROMIUM, then
# the system's, then the one under .cache/. Without --find, and when there is none, Debian's packages
# are downloaded into .cache/ and unpacked there: no root, nothing is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

cache=$PWD/.cache/chromium
packages=(chromium fonts-dejavu-core)

find_browser() {
  local candidate
  for candidate in ${CHROMIUM:+"$CHROMIUM"} chromium chromium-browser google-chrome-stable \
    google-chrome "$cache/chromium"; do
    if command -v "$candidate"; then
      return
    fi
  done
  return 1
}

if find_browser; then
  exit 0
fi
if [[ ${1:-} == --find ]]; then
  exit 1
fi

give_up() {
  echo "No Chromium: $1" >&2
  echo "Install one (a package named chromium or google-chrome), or set CHROMIUM to its path." >&2
  echo "Without it the browser tests are skipped, and fail where CI=true." >&2
  exit 1
}
for tool in apt-get dpkg; do
  command -v "$tool" >/dev/null || give_up "none is installed, and this is not Debian ($tool is missing)."
done

# apt with a state of its own: reads the system's sources and its list of installed packages,
# writes only under .cache/.
mkdir -p "$cache"/{lists,archives}/partial "$cache/root"
apt() {
  apt-get --quiet=2 -o Dir::State::lists="$cache/lists" -o Dir::Cache="$cache" \
    -o Dir::Cache::archives="$cache/archives" -o Debug::NoLocking=1 -o APT::Sandbox::User= \
    -o Dpkg::Use-Pty=0 "$@"
}
echo "Downloading Debian's Chromium into .cache/ ..." >&2
apt update >&2 || give_up "the package lists could not be read."
apt install --yes --download-only --no-install-recommends "${packages[@]}" >&2 ||
  give_up "the packages could not be downloaded."
for package in "$cache"/archives/*.deb; do
  dpkg --extract "$package" "$cache/root"
done
rm -rf "$cache"/{lists,archives} "$cache"/*.bin

cat >"$cache/fonts.conf" <<XML
<?xml version="1.0"?>
<fontconfig>
  <dir>$cache/root/usr/share/fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>$cache/fonts</cachedir>
</fontconfig>
XML
libraries=$(find "$cache/root" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
cat >"$cache/chromium.new" <<SH
#!/bin/sh
export LD_LIBRARY_PATH='$libraries' FONTCONFIG_FILE='$cache/fonts.conf'
exec '$cache/root/usr/lib/chromium/chromium' "\$@"
SH
chmod +x "$cache/chromium.new"
"$cache/chromium.new" --version >&2 || give_up "the unpacked one does not start."
mv "$cache/chromium.new" "$cache/chromium"
find_browser
