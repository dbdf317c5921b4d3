# delta-rs, Polars, DuckDB and pyarrow read the rows that almanac reads: see _read_store.py.
. "$(dirname "$0")/_venv.sh"
exec "$python" "$here/_read_store.py"
