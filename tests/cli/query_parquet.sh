. "$(dirname "$0")/_case.sh"
project; almanac predictions query --model a --format parquet
