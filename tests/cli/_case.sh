# Every case begins with `. "$(dirname "$0")/_case.sh"`. Run by itself (bash x.sh, or by ctest), a
# case hands itself to _run_case.py, which runs it again in an empty folder and compares what it
# wrote with the files beside it. Then this file defines what cases use.
if [ -z "${CLI_CASE:-}" ]; then
    exec python3 "$(dirname "$0")/_run_case.py" "$0"
fi
set -u
# Nothing of the caller's settings may reach a case.
export HOME=$PWD USER=tester COLUMNS=100 NO_COLOR=1 LC_ALL=C TZ=UTC
export GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_DATE='2024-02-01T00:00:00Z'
export GIT_COMMITTER_DATE='2024-02-01T00:00:00Z'
# LightGBM's threads otherwise spin while they wait, which starves the cases that run beside.
export OMP_WAIT_POLICY=passive
unset LOG_LEVEL

almanac() { "$ALMANAC" "$@"; }
# skip REASON: the case cannot be shown here.
skip() { echo "skipped: $1" >&2; exit 77; }
# project: a fresh one in ./p, and go there. Three SKUs, 400 days from 2023-01-01.
project() {
    almanac init p --quiet && cd p || exit 99
}
snapshot() { almanac snapshot --start 2023-01-01 --end 2024-02-01 "$@"; }
# commit: the project as it is, so that training accepts it.
commit() {
    git init -q . && git add -A && git -c user.name=tester -c user.email=tester@example.org \
        commit -qm project || exit 99
}
# replace FILE LINE OLD NEW: in one line, with sed's regular expressions.
replace() { sed -i "$2s/$3/$4/" "$1"; }
# trained: the project committed, with a snapshot (in $snap) and the release demand-1.
trained() {
    commit
    snap=$(snapshot --quiet) || exit 99
    almanac train demand --snapshot "$snap" --quiet > /dev/null || exit 99
}
# promoted: and compared, approved, and what `production` means.
promoted() {
    trained
    almanac models compare demand-1 --quiet && almanac models approve demand-1 --why fine --quiet &&
        almanac models promote demand-1 --alias production --why first --quiet || exit 99
}
# committed: and run once; the run's id is in $run.
committed() {
    promoted
    run=$(almanac run --snapshot "$snap" --quiet) || exit 99
}
# late: a value changes after the fact; the new snapshot is in $late.
late() { replace data/sales.csv 9 ",[0-9]*$" ",77" && late=$(snapshot --quiet); }
# bars_project: a fresh project of bars in ./b, and go there. Two symbols with 600 bars of an hour
# each, from 2023-01-02 on; prices swing, so that there is something to learn.
bars_project() {
    mkdir b && cd b || exit 99
    python3 - << 'END'
import math
state = 7
def draw():
    global state
    state = (state * 1103515245 + 12345) % (1 << 31)
    return state / (1 << 31) - 0.5
with open("prices.csv", "w") as out:
    out.write("stamp,symbol,open,high,low,close,volume\n")
    for symbol, phase in (("AA", 0), ("BB", 11)):
        close = 100.0
        for i in range(600):
            before, day, hour = close, i // 8, 9 + i % 8
            close *= 1 + 0.004 * math.sin((i + phase) / 9) + 0.006 * draw()
            high, low = max(before, close) * 1.001, min(before, close) * 0.999
            month, day = 1 + day // 28, 1 + day % 28
            out.write(f"2023-{month:02}-{day:02} {hour:02}:30,{symbol},{before:.4f},{high:.4f},"
                      f"{low:.4f},{close:.4f},{1000 + i % 97}\n")
END
    cat > almanac.yaml << 'END'
almanac: 1
name: desk
sources:
  prices:
    files: prices.csv
    time: stamp
    keys: [symbol]
    columns: {stamp: instant, symbol: text, open: f64, high: f64, low: f64, close: f64, volume: i64}
bars:
  source: prices
  session_open: 09:30
  features:
    - return(close, 1)
    - return(close, 5)
    - zscore(close, 20)
signals:
  swing:
    horizons: [3, 6]
    folds: 2
    scale: volatility(close, 20)
    profit: 1.5
    loss: 1.5
    members:
      boost: {learner: lightgbm, trees: 10, leaves: 4, leaf_rows_min: 10}
      wood: {learner: xgboost, trees: 5, depth: 2, leaf_rows_min: 1}
      net: {learner: lstm, steps: 4, units: 4, epochs: 2, patience: 0}
END
}
bars_snapshot() { almanac snapshot --start 2023-01-01 --end 2023-04-01 "$@"; }
# bars_trained: the project of bars committed, with a snapshot (in $snap) and the release swing-1.
bars_trained() {
    bars_project
    commit
    snap=$(bars_snapshot --quiet) || exit 99
    almanac train swing --snapshot "$snap" --quiet > /dev/null || exit 99
}
# tamper SQL...: in the registry, triggers removed.
tamper() {
    python3 - "$@" << 'END'
import sqlite3, sys
registry = sqlite3.connect(".almanac/registry.db")
for (name,) in registry.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
    registry.execute(f'DROP TRIGGER "{name}"')
for statement in sys.argv[1:]:
    registry.execute(statement)
registry.commit()
END
}
