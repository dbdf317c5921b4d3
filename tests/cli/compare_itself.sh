. "$(dirname "$0")/_case.sh"
project; promoted; almanac models compare production
