. "$(dirname "$0")/_case.sh"
project; almanac report --model production
