. "$(dirname "$0")/_case.sh"
project; trained; almanac models compare demand-1 --quiet
almanac models promote demand-1 --alias production --why soon
