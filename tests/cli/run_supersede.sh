. "$(dirname "$0")/_case.sh"
project; committed; late
almanac run --snapshot "$late" --supersede "$run" --reason "late sales" --quiet
almanac predictions runs --json | grep -o "\"supersedes\":[^,]*,\"reason\":[^,]*"
almanac predictions runs --current --json | grep -o "\"run_id\"" | wc -l
almanac predictions query --model production --run "$run" total --format csv --columns node | wc -l
