# Same bytes for any number of threads, folder, locale, time zone and CPU: see _same_bytes.py.
# By hand over the whole example, about ten minutes: tests/determinism/same_bytes.sh --full
exec python3 "$(dirname "$0")/_same_bytes.py" "$@"
