. "$(dirname "$0")/_case.sh"
# A series of zeros and a series of one point get a forecast, and say how.
project
for month in 01 02 03 04 05 06 07 08 09 10 11 12; do
    for day in 01 02 03 04 05 06 07; do echo "2023-$month-$day,zero,0"; done
done >> data/sales.csv
echo "2024-01-30,one,5" >> data/sales.csv
committed
almanac predictions query --model demand-1 --date 2024-02-01 zero one --format csv --steps 1 \
    --columns node,mean,fallback --quiet
