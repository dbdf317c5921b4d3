. "$(dirname "$0")/_case.sh"
bars_project; commit
almanac check; almanac features; snap=$(bars_snapshot --quiet)
almanac train --snapshot "$snap" --why 'first' --quiet
almanac train swing --snapshot "$snap" | cut -d' ' -f1-6
almanac models list --json | sed 's/.*"state":"\([a-z]*\)","origin":"\([a-z]*\)".*/\1 \2/'
almanac models show swing-1 | tail -n +11 | cut -d, -f1
