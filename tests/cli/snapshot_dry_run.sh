. "$(dirname "$0")/_case.sh"
project; snapshot --dry-run | tail -1; almanac snapshot list
