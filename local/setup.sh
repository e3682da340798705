#!/bin/sh
# Set up what the commands need, with the newest Python that will do. The environment's own, if there is one, comes first.
cd "$(dirname "$0")/.." || exit 1
for python in .venv/bin/python python3.13 python3.12 python3.11 python3; do
  if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    exec "$python" -m local.setup
  fi
done
echo "Python 3.11 or newer is needed, and is not on the PATH (Debian, Ubuntu: apt-get install python3.11 python3.11-venv)" >&2
exit 1
