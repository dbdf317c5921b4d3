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
