. "$(dirname "$0")/_case.sh"
project; almanac predictions query --date 2024-02-01
