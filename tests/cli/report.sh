. "$(dirname "$0")/_case.sh"
# One file, complete, without a reference to anything outside.
project; committed
almanac report --model production --date 2024-02-01 --output r.html --quiet
head -c 15 r.html; echo
grep -c '</html>' r.html
grep -Eo '(src|href)="(https?:)?//[^"]*' r.html
almanac report --run nosuch
