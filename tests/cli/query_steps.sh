. "$(dirname "$0")/_case.sh"
project; almanac predictions query --model a --steps 7-1
