. "$(dirname "$0")/_case.sh"
project; commit; almanac run
