. "$(dirname "$0")/_case.sh"
# What cannot be reconciled is refused where it stands in the file, and an unknown method by name.
project
with() { sed -e "s/^    horizon:/    $1\n    horizon:/" yaml > almanac.yaml; almanac check; }
cp almanac.yaml yaml
with 'reconcile: mint_shink'
with 'reconcile: ols\n    reconcile_from: total'
with 'reconcile: top_down_forecast_proportions\n    reconcile_from: totl'
cp yaml almanac.yaml
almanac backtest --snapshot "$(snapshot --quiet)" --reconcile ols,wls
