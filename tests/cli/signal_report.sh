. "$(dirname "$0")/_case.sh"
bars_trained
almanac report --model swing-1 --output page.html --json
grep -o '<h2[^>]*>[^<]*' page.html | sed 's/.*>//'
grep -c 'http\|src=' page.html
almanac report --model swing-2
almanac run --snapshot "$snap"
almanac predictions verify
