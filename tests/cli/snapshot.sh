. "$(dirname "$0")/_case.sh"
project; snapshot; snapshot --json > j; almanac snapshot list --json >> j; cut -c1-60 j
