#!/bin/sh
# Brings a checkout to the point where everything runs: npm packages (the pinned Node among them) and built bundles.
# Does nothing when both are current, so every npm script may call it first.
set -eu
cd "$(dirname "$0")/.."

stamp=node_modules/.finial-lock
node=node_modules/.bin/node
if ! cmp -s package-lock.json "$stamp" 2>/dev/null; then
  echo "setup: installing npm packages (the pinned Node among them)" >&2
  # `ci` for a fresh clone; an existing folder is brought up to the lock in place, under whatever runs from it.
  # No scripts of packages: those with native parts bring them built, and would only build them again.
  if [ -d node_modules ]; then install="install --no-save"; else install=ci; fi
  npm $install --ignore-scripts --no-fund --no-audit --loglevel=error >&2
  if [ ! -x "$node" ]; then
    echo "setup: no pinned Node for $(uname -sm): Finial's own builds run on Linux x64 and arm64" >&2
    exit 1
  fi
  # It wants one library that comes with compilers, and that a machine without them may lack.
  if ! "$node" --version >/dev/null 2>&1 && [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ]; then
    echo "setup: installing libatomic1, which the pinned Node needs" >&2
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libatomic1 >/dev/null
  fi
  if ! "$node" --version >/dev/null; then
    echo "setup: the pinned Node does not run here; on Debian it needs the package libatomic1" >&2
    exit 1
  fi
  cp package-lock.json "$stamp"
fi

"$node" --conditions=source scripts/build.ts --if-stale >&2
