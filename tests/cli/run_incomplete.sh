. "$(dirname "$0")/_case.sh"
# The snapshot ends before the prediction date.
project; promoted; almanac run --snapshot "$snap" --date 2024-02-03
