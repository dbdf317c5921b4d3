. "$(dirname "$0")/_case.sh"
project; trained; almanac rebuild demand-1 --verify
