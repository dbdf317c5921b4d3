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
. "$here/../demo_steps.sh"
project=$root/build/demo/retail

# The last four weeks of the data stay unseen: the forecast can be compared with them.
start=2010-12-01
end=2011-11-12

say "The project is a copy of examples/retail in a git repository of its own, build/demo/retail:
training records a commit, and the tree that you are in may have changes."
rm -rf "$project"
mkdir -p "$project"
cp -R "$here/almanac.yaml" "$here/example.key" "$here/data" "$project/"
printf '%s\n' .almanac/ report.html > "$project/.gitignore"
cd "$project"
one_commit 2011-12-10T00:00:00Z 'The retail example'

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
