. "$(dirname "$0")/_case.sh"
almanac check --project nowhere
