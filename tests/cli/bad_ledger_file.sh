. "$(dirname "$0")/_case.sh"
# A damaged registry is named, not repaired.
project; snapshot --quiet > /dev/null; printf garbage > .almanac/registry.db
almanac models list
