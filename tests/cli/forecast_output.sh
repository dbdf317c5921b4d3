. "$(dirname "$0")/_case.sh"
# The columns that other forecasting libraries write, to a file, to a pipe and as JSON.
{ echo 'date,value'; for i in 1 2 3 4 5 6 7 8 9; do echo "2024-0$i-01,$((i % 2))"; done; } > one.csv
almanac forecast one.csv --horizon 2 --method seasonal_naive --season 2 --level 90 --paths 0 \
    --output - --quiet
almanac forecast one.csv --horizon 1 --paths 0 --check 0 --method theta --output out.csv \
    --reasons --quiet
cat out.csv
almanac forecast one.csv --horizon 1 --level 50 --check 0 --season 1 --method drift --json
almanac forecast one.csv --horizon 5 --threads 1 --output a.csv --quiet
almanac forecast one.csv --horizon 5 --threads 2 --output b.csv --quiet
head -1 a.csv
cmp a.csv b.csv && ls -A
