. "$(dirname "$0")/_case.sh"
project; committed; almanac predictions verify
