. "$(dirname "$0")/_case.sh"
project; almanac predictions query --model production --date 2024-02-01
