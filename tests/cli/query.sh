. "$(dirname "$0")/_case.sh"
project; committed
almanac predictions query --model production --date 2024-02-01 total \
    --columns node,target_date,mean --steps 1-2
almanac predictions query --model demand-1 --run "$run" --level series --format jsonl | wc -l
almanac predictions query --model demand-1 --date 2024-02-01 sku_1 \
    --format parquet --output o.parquet
head -c 4 o.parquet; echo
