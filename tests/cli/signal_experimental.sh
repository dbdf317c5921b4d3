. "$(dirname "$0")/_case.sh"
bars_project; commit
snap=$(bars_snapshot --quiet)
almanac backtest --snapshot "$snap" | head -4
almanac models list
echo '# changed' >> almanac.yaml
almanac train --snapshot "$snap"
almanac train --snapshot "$snap" --experimental --quiet
almanac models compare swing-1 --quiet
almanac models approve swing-1 --why 'no'
