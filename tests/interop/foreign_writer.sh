# What another engine writes is refused or noticed: see _foreign_writer.py.
. "$(dirname "$0")/_venv.sh"
exec "$python" "$here/_foreign_writer.py"
