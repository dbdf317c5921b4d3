. "$(dirname "$0")/_case.sh"
# The best method of reconciliation: chosen by earlier origins, and said so; too few of them are
# refused before anything is fitted.
project
cp almanac.yaml yaml
with() { sed "s/^    horizon:/    $1\n    horizon:/" yaml > almanac.yaml; }
with 'reconcile: best\n    backtest: {selection_origins: 1}'
snap=$(snapshot --quiet)
almanac backtest --snapshot "$snap" --quiet
echo $?
with 'reconcile: best'
rm yaml
almanac backtest --snapshot "$snap" --quiet --reconcile best,bottom_up |
    grep -E 'best_reconciled|bottom_up  ' | cut -c1-60
trained
almanac models show demand-1 | grep '^reconciled' | sed 's/[01]\.[0-9]*/R/g'
