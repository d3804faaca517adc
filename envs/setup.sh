#!/bin/sh
# envs/setup.sh VENV [PYTHON]: the environment in folder VENV, rebuilt unless it is what PYTHON and the pins ask for.
# Without PYTHON a finished environment keeps the Python that it has, and a new one takes python3.
set -eu
venv=$(realpath -m "$1") python=${2:-}
cd "$(dirname "$0")"

stop() {
  echo "$1" >&2
  exit 1
}

case $venv in
  *" "*) stop "Snakemake cannot run scripts with a Python whose path contains a space, as $venv does: move the clone, or put the environment elsewhere, as in \`make VENV=/path/without/spaces\`." ;;
esac
if [ -z "$python" ]; then
  python=python3
  [ -e "$venv/.done" ] && [ -x "$venv/bin/python" ] && python=$venv/bin/python
fi
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') ||
  stop "'$python' could not be run: name a Python 3.11, 3.12 or 3.13, as in \`make PYTHON=python3.12\`."
case $version in
  3.11 | 3.12 | 3.13) ;;
  *) stop "Python 3.11, 3.12 or 3.13 is needed, but $python is Python $version: name another, as in \`make PYTHON=python3.12\`." ;;
esac

wanted="Python $version, $venv, pins $(cat requirements*.txt constraints*.txt | cksum)"
[ "$(cat "$venv/.done" 2> /dev/null)" = "$wanted" ] && "$venv/bin/python" -c "" 2> /dev/null && exit 0
[ -n "$(ls -A "$venv" 2> /dev/null)" ] && [ ! -e "$venv/.done" ] &&
  stop "$venv is not empty and was not made by \`make\`: delete it, or name another folder, as in \`make VENV=.venv\`."

echo "Making the environment in $venv with Python $version; this takes some minutes."
"$python" -m venv --clear "$venv"
echo unfinished > "$venv/.done"
"$venv/bin/pip" install --quiet --disable-pip-version-check \
  -c constraints.txt -c constraints-dev.txt \
  -r requirements.txt -r requirements-pipeline.txt -r requirements-dev.txt
echo "$wanted" > "$venv/.done"
