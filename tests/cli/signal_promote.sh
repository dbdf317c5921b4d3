. "$(dirname "$0")/_case.sh"
# Never by itself: a comparison and an approval come first, both in the ledger.
bars_trained
almanac models promote swing-1 --alias production --why now
almanac models compare swing-1 --why 'beside the baselines' | tail -1
almanac models promote swing-1 --alias production --why now
almanac models approve swing-1 --why 'read' --quiet
almanac models promote swing-1 --alias production --why 'first' --quiet && echo promoted
almanac models compare production
sed -i 's/trees: 10/trees: 12/' almanac.yaml
git add -A && git -c user.name=t -c user.email=t@example.org commit -qm 'More trees'
almanac train --snapshot "$snap" --quiet
almanac models compare swing-2
almanac models history --json | tr '{' '\n' | sed -n 's/.*"action":"\([a-z]*\)".*/\1/p'
