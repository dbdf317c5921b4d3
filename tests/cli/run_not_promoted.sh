. "$(dirname "$0")/_case.sh"
project; trained; almanac run --snapshot "$snap"
