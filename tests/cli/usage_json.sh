. "$(dirname "$0")/_case.sh"
almanac snapsot --json
