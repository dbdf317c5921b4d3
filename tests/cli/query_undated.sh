. "$(dirname "$0")/_case.sh"
project; committed; almanac predictions query --model demand-1
