. "$(dirname "$0")/_case.sh"
# The series add up to the total, for every step.
project; committed
almanac predictions query --quiet --model production --format csv --date 2024-02-01 --sql "SELECT
count(*) AS steps, max(abs(s - t) / t) < 1e-9 AS coherent FROM (SELECT target_date,
sum(mean) FILTER (level = 'series') AS s, sum(mean) FILTER (level = 'total') AS t
FROM predictions GROUP BY ALL)"
