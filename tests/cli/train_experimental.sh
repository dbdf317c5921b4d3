. "$(dirname "$0")/_case.sh"
# From a dirty tree only experimentally, and such a release is never approved.
project; commit; snap=$(snapshot --quiet); echo "# more" >> almanac.yaml
almanac train --snapshot "$snap" --experimental --quiet &&
almanac models compare demand-1 --quiet &&
almanac models approve demand-1 --why please
