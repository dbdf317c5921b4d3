. "$(dirname "$0")/_case.sh"
# Each command explains itself, and every option it shows has a text.
almanac help --man > man || exit 1
almanac help | sed -n "/^Commands:/,/^$/p" |
    sed -n "s/^  \([a-z]\+\( [a-z]\+\)\?\)  .*/\1/p" > names
while read -r name; do
    # shellcheck disable=SC2086
    almanac help $name | grep -q "^Usage: almanac $name" || echo "no help: $name"
    grep -q "^.SS almanac $name" man || echo "not in the manual: $name"
done < names
test "$(wc -l < names)" -ge 20 && echo complete
