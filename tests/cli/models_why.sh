. "$(dirname "$0")/_case.sh"
project; almanac models approve demand-1
