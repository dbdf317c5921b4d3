. "$(dirname "$0")/_case.sh"
project; trained; almanac models compare demand-1 --dry-run | tail -1
almanac models history --json | grep -c compare
