. "$(dirname "$0")/_case.sh"
# Marginals from quantile forests, from training to published rows: the series add up to the total,
# the quantiles rise, the bundle has a forest per level and is made again to the same bytes.
project; replace almanac.yaml '' '^    candidates:.*' '&\n    marginals: quantile'; committed
almanac predictions query --quiet --model production --format csv --date 2024-02-01 --sql "SELECT
count(*) AS steps, max(abs(s - t) / t) < 1e-9 AS coherent FROM (SELECT target_date,
sum(mean) FILTER (level = 'series') AS s, sum(mean) FILTER (level = 'total') AS t
FROM predictions GROUP BY ALL)"
almanac predictions query --quiet --model production --format csv --date 2024-02-01 --sql "SELECT
count(*) FILTER (q05 < 0 OR q05 > q50 OR q50 > q95) AS falling,
count(*) FILTER (q05 < q95) > 0 AS spread FROM predictions"
grep -rlaF '"format":2' .almanac/objects | wc -l
grep -raohF '"models/quantile_0' .almanac/objects | wc -l
almanac rebuild demand-1 --verify | tail -n 1
sed -i 's/^    marginals: .*/&\n    recursive: true/' almanac.yaml; almanac check
