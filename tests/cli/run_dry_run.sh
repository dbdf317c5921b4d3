. "$(dirname "$0")/_case.sh"
project; promoted; almanac run --snapshot "$snap" --dry-run | grep "dry run"
almanac predictions query --model production --date 2024-02-01 total
