. "$(dirname "$0")/_case.sh"
project; almanac models show latest
