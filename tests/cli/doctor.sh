. "$(dirname "$0")/_case.sh"
project; commit; snapshot --quiet > /dev/null; almanac doctor
