. "$(dirname "$0")/_case.sh"
# A release that reconciles by the covariance of errors: what is published adds up, the release says
# how, and the run is found again by its own answer.
project
sed -i 's/^    horizon:/    reconcile: mint_shrink\n    horizon:/' almanac.yaml
committed
almanac models show demand-1 | grep '^reconciled'
almanac predictions query --quiet --model production --format csv --date 2024-02-01 --sql "SELECT
count(*) AS steps, max(abs(s - t) / t) < 1e-9 AS coherent, min(least) >= 0 AS positive, max(own) > 0
AS adjusted FROM (SELECT target_date, sum(mean) FILTER (level = 'series') AS s,
sum(mean) FILTER (level = 'total') AS t, min(q05) AS least, max(abs(mean - base_mean)) AS own
FROM predictions GROUP BY ALL)"
almanac run --snapshot "$snap" --quiet | grep -c "$run"
almanac report --model production --date 2024-02-01 --output r.html --quiet
grep -o 'All levels add up by <code>mint_shrink</code>, weighted by 21 errors of every node' r.html
