# What a reader may rely on in every row: see _coherent.py.
# By hand over any store: tests/interop/coherent.sh PROJECT
. "$(dirname "$0")/_venv.sh"
exec "$python" "$here/_coherent.py" "$@"
