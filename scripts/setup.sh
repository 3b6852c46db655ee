#!/bin/sh
# Brings a checkout to the point where everything runs: npm packages (the pinned Node among them) and built bundles.
# Does nothing when both are current, so every npm script may call it first.
set -eu
cd "$(dirname "$0")/.."

stamp=node_modules/.finial-lock
if ! cmp -s package-lock.json "$stamp" 2>/dev/null; then
  echo "setup: installing npm packages (the pinned Node among them)" >&2
  # `ci` for a fresh clone; an existing folder is brought up to the lock in place, under whatever runs from it.
  if [ -d node_modules ]; then install="install --no-save"; else install=ci; fi
  npm $install --no-fund --no-audit --loglevel=error >&2
  cp package-lock.json "$stamp"
fi

node=node_modules/.bin/node
if [ ! -x "$node" ]; then
  echo "setup: no pinned Node for $(uname -sm): Finial's own builds run on Linux x64 and arm64" >&2
  exit 1
fi
"$node" --conditions=source scripts/build.ts --if-stale >&2
