. "$(dirname "$0")/_case.sh"
project; committed; late; second=$(almanac run --snapshot "$late" --supersede "$run" \
    --reason late --quiet); almanac predictions diff "$run" "$second"
