#!/usr/bin/env bash
# The main job on real retail data, from a state folder that does not exist yet: every command is
# shown before it runs. Works from any folder.
#
#     examples/retail/demo.sh            [ALMANAC=build/release/bin/almanac]
#
# Training wants a committed project folder, and the checkout around this file may have changes. So
# the project is copied into a git repository of its own under build/demo/retail, with a fixed
# author and date: the same project always has the same commit.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
program=${ALMANAC:-$root/build/release/bin/almanac}
project=$root/build/demo/retail

# The last four weeks of the data stay unseen: the forecast can be compared with them.
start=2010-12-01
end=2011-11-12
who='Demo <demo@example.org>'

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
began=$SECONDS

say() { printf '\n%s\n' "$*"; }
# Shows a command as one would type it, then runs it.
show() {
    printf '\n%s$ %s%s\n' "$bold" "$(quoted "$@")" "$plain"
    shift
    "$program" "$@"
}
# Words with anything but plain characters in single quotes.
quoted() {
    local word line=
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9._/=:@%+,-]*) line+=" '${word//\'/\'\\\'\'}'" ;;
        *) line+=" $word" ;;
        esac
    done
    printf '%s' "${line# }"
}
# The value of a text member of a JSON document on standard input.
member() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" | head -n 1; }

if [ ! -x "$program" ]; then
    echo "demo.sh: there is no $program; run 'make build' first, or set ALMANAC" >&2
    exit 1
fi

say "The project is a copy of examples/retail in a git repository of its own, build/demo/retail:
training records a commit, and the tree that you are in may have changes."
rm -rf "$project"
mkdir -p "$project"
cp -R "$here/almanac.yaml" "$here/example.key" "$here/data" "$project/"
printf '.almanac/\n' > "$project/.gitignore"
cd "$project"
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
export GIT_AUTHOR_NAME=Demo GIT_AUTHOR_EMAIL=demo@example.org
export GIT_COMMITTER_NAME=Demo GIT_COMMITTER_EMAIL=demo@example.org
export GIT_AUTHOR_DATE='2011-12-10T00:00:00Z' GIT_COMMITTER_DATE='2011-12-10T00:00:00Z'
git -c init.defaultBranch=main init -q .
git add -A
git -c core.autocrlf=false commit -qm 'The retail example'
printf 'commit %s\n' "$(git rev-parse HEAD)"

say "1. Is the project in order?"
show almanac check

say "2. A snapshot: an immutable copy of the sources for a window of days."
show almanac snapshot --start "$start" --end "$end"
snapshot=$("$program" snapshot list --json | member snapshot)

say "3. Training: one deterministic fit, scored on rolling origins beside seasonal naive and others.
'final' is what will be published; PIN is the pinball loss, COVER90 the share inside the 90%
interval."
show almanac train demand --snapshot "${snapshot:0:12}" --who "$who" --why 'demo'

say "4. The registry knows the bundle now. Nothing serves it yet: that takes a comparison and an
approval, both on the record."
show almanac models list
show almanac models compare demand-1 --who "$who"
show almanac models approve demand-1 --who "$who" --why 'backtest read and accepted'
show almanac models promote demand-1 --alias production --who "$who" --why 'first release'
show almanac models history --verify

say "5. The run: features, forecasts, reconciliation, stock-out risk, explanations, one commit."
show almanac run --schedule daily --snapshot "${snapshot:0:12}" --who "$who"
run=$("$program" predictions runs --json | member run_id)

say "6. The same run again finds the commit and changes nothing."
show almanac run --schedule daily --snapshot "${snapshot:0:12}" --who "$who"

say "7. Reading: a release is always named. One series, then the total, from one commit."
columns=node,target_date,mean,q05,q50,q95,stockout_probability
show almanac predictions query --model production --date "$end" --columns "$columns" --steps 1-14 \
    '22423|United_Kingdom'
show almanac predictions query --model production --date "$end" --columns "${columns%,*}" \
    --steps 1-14 total
show almanac predictions verify

say "8. The report: one HTML file without any reference to a network."
show almanac report --run "$run" --output "$project/report.html"

say "Done in $((SECONDS - began)) s. Open the report:
  $project/report.html"
