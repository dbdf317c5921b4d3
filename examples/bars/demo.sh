#!/usr/bin/env bash
# A signal on real hourly bars, from a state folder that does not exist yet: every command is shown
# before it runs. Works from any folder.
#
#     examples/bars/demo.sh            [ALMANAC=build/release/bin/almanac]
#
# Training wants a committed project folder, and the checkout around this file may have changes. So
# the project is copied into a git repository of its own under build/demo/bars, with a fixed author
# and date: the same project always has the same commit.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../demo_steps.sh"
project=$root/build/demo/bars

# The last quarter of the data stays unseen, also by the test: its bars are scored as new ones.
start=2010-01-01
end=2021-01-01

say "The project is a copy of examples/bars in a git repository of its own, build/demo/bars:
training records a commit, and the tree that you are in may have changes."
rm -rf "$project"
mkdir -p "$project"
cp -R "$here/almanac.yaml" "$here/data" "$project/"
printf '%s\n' .almanac/ answers.csv report.html > "$project/.gitignore"
cd "$project"
one_commit 2021-04-01T00:00:00Z 'The example of bars'

say "1. Is the project in order? Declarations are compiled, names looked up."
show almanac check

say "2. A snapshot: an immutable copy of the bars for a window of days."
show almanac snapshot --start "$start" --end "$end"
snapshot=$("$program" snapshot list --json | member snapshot)

say "3. Training: LightGBM, XGBoost and an LSTM for each of four horizons, on purged folds and then
on all training bars; calibrated, stacked, and scored once on the newest fifth of the time, beside a
logistic regression on the same features and beside the prior, which knows how often each class
came. It takes a minute or two."
show almanac train swing --snapshot "${snapshot:0:12}" --who "$who" --why 'demo'

say "4. Nothing uses it yet: that takes a comparison and an approval, both on the record."
show almanac models compare swing-1 --who "$who"
show almanac models approve swing-1 --who "$who" --why 'test read: knows when, not where to'
show almanac models promote swing-1 --alias production --who "$who" --why 'first release'
show almanac models history --verify

say "5. The newest bars, which were in no snapshot. The first rows have no answer: features and the
net's window need bars before them. The last bar, by horizon:"
show almanac predict --release production data/newest.csv --output "$project/answers.csv"
awk -F, '
    NR == 1 { for (i = 1; i <= NF; i++) name[i] = $i; next }
    { last = $0 }
    END {
        n = split(last, v, ",")
        printf "\n%s, bar of %s\n%-8s %5s %8s %8s %8s\n", v[1], v[2], "HORIZON", "CLASS", "P(-1)",
               "P(0)", "P(1)"
        for (i = 3; i + 4 <= n; i += 5) {
            split(name[i], part, "_")
            printf "%-8s %5s %8.3f %8.3f %8.3f\n", part[2], v[i], v[i + 1], v[i + 2], v[i + 3]
        }
    }' "$project/answers.csv"

say "6. The report: one HTML file without any reference to a network."
show almanac report --model production --output "$project/report.html"

say "Done in $((SECONDS - began)) s. Open the report:
  $project/report.html"
