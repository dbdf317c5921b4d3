. "$(dirname "$0")/_case.sh"
almanac models approve
