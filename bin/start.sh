# Read by the starters beside it, with root (the installation), app and name set: runs the app with a Node that is new
# enough, the one of this installation first.

program=$root/apps/$app/dist/main.js
if [ ! -f "$program" ]; then
  echo "$name: not built yet: run npm run build first (in $root)" >&2
  exit 1
fi

node=$root/node_modules/.bin/node
if [ ! -x "$node" ]; then
  node=$(command -v node) || {
    echo "$name: needs Node.js 22.12 or later: no node in PATH, and none in $root/node_modules" >&2
    exit 1
  }
  version=$("$node" -p process.versions.node)
  major=${version%%.*}
  minor=${version#*.}
  minor=${minor%%.*}
  if [ "$major" -lt 22 ] || { [ "$major" -eq 22 ] && [ "$minor" -lt 12 ]; }; then
    echo "$name: needs Node.js 22.12 or later: $node is $version" >&2
    exit 1
  fi
fi
