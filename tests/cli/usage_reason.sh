. "$(dirname "$0")/_case.sh"
almanac run --snapshot abcd --supersede r1
