. "$(dirname "$0")/_case.sh"
project; committed; late; almanac run --snapshot "$late"
