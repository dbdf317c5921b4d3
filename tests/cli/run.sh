. "$(dirname "$0")/_case.sh"
project; promoted; almanac run --snapshot "$snap"; almanac run --snapshot "$snap" --json |
    grep -o "\"already_committed\":[a-z]*"
