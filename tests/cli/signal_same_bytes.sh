. "$(dirname "$0")/_case.sh"
# The bundle of a signal does not depend on threads, folder, time zone or the order of the rows.
bars_project; commit; snap=$(bars_snapshot --quiet)
hash() { almanac train --snapshot "$snap" --threads "$1" --json | grep -o '"bundle":"[0-9a-f]*"'; }
first=$(hash 1)
cp -r ../b ../elsewhere && cd ../elsewhere && rm -rf .almanac
(head -1 prices.csv && tail -n +2 prices.csv | sort -t, -k5) > sorted && mv sorted prices.csv
git update-index --assume-unchanged prices.csv
bars_snapshot --quiet
second=$(TZ=Asia/Tokyo hash 4)
[ -n "$first" ] && [ "$first" = "$second" ] && echo same
