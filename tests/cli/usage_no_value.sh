. "$(dirname "$0")/_case.sh"
almanac snapshot --start
