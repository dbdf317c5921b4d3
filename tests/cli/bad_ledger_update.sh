. "$(dirname "$0")/_case.sh"
# With its triggers the database itself refuses.
project; promoted
cat > forge.py << 'END'
import sqlite3
sqlite3.connect(".almanac/registry.db").execute("UPDATE ledger SET why = 1 WHERE seq = 3")
END
python3 forge.py 2>&1 | tail -1 | grep refused
