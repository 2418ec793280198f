#!/usr/bin/env bash
# in_temporary_folder.sh SCRIPT: run a test script in a fresh folder, which is removed afterwards.
set -euo pipefail
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
cd "$folder"
case $1 in
    *.py) python3 "$1" ;;
    *) bash "$1" ;;
esac
