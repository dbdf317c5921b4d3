. "$(dirname "$0")/_case.sh"
project; almanac report --date 2024-02-01
