. "$(dirname "$0")/_case.sh"
project; promoted; replace almanac.yaml 1,99 "window: 28" "window: 21"; git commit -qam other \
    --author="a <a@example.org>" 2> /dev/null ||
    git -c user.name=t -c user.email=t@example.org commit -qam other
almanac train --snapshot "$snap" --quiet
almanac models compare demand-2 --against production --quiet
almanac models approve demand-2 --why fine --quiet
almanac models promote demand-2 --alias production --why second --quiet
almanac models rollback --alias production --why bias --json | cut -d, -f3-5
almanac models rollback --alias production --why more; echo $?
