. "$(dirname "$0")/_case.sh"
almanac init p --quiet; almanac init p
