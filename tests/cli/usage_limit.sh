. "$(dirname "$0")/_case.sh"
project
almanac models history --limit -1
