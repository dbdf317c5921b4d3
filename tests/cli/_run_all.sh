#!/usr/bin/env bash
# All cases, or those whose names contain a word: tests/cli/_run_all.sh [WORD]
# ALMANAC names the command (default: build/release/bin/almanac). ctest runs each by itself.
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
failed=0 passed=0 skipped=0
for case in *"${1:-}"*.sh; do
    [[ $case == _* ]] && continue
    output=$(bash "$case" 2>&1)
    case $? in
    0) passed=$((passed + 1)) ;;
    77) skipped=$((skipped + 1)) && echo "SKIP $case: $output" ;;
    *) failed=$((failed + 1)) && printf 'FAIL %s\n%s\n' "$case" "$output" ;;
    esac
done
echo "$passed passed, $skipped skipped, $failed failed"
((failed == 0 && passed > 0))
