#!/bin/sh
# agree.sh PID [WORD...]: for the programs of the matrix, which start it while they stand still: what the tables of process
# PID and /proc do not agree on, on stdout. Nothing, when all is well or the process is not profiled. WORDs: tables.py.
[ -n "${MATRIX_PROFILED:-}" ] || exit 0
unset LD_PRELOAD OUTLIVE_OPTIONS
exec /usr/bin/python3 "$MATRIX_HERE/tables.py" agree "$MATRIX_BUILD/outlive" "$@"
