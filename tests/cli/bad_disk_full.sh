. "$(dirname "$0")/_case.sh"
# A full disk: a small file system, filled behind the first snapshot. The second one fails with one
# message and leaves the first as it is.
[ "$(id -u)" = 0 ] || skip "mounting a small file system needs root"
mkdir small && mount -t tmpfs -o size=2m tmpfs small 2> /dev/null ||
    skip "mounting is not permitted"
trap 'cd /; umount "$HOME/small"' EXIT
cd small || exit 99
project; snapshot --quiet
replace data/sales.csv 9 ",[0-9]*$" ",77"
head -c 2m /dev/zero > filler 2> /dev/null
snapshot; code=$?
rm filler
almanac snapshot list --json | grep -o '"snapshot":' | wc -l
almanac doctor --quiet > /dev/null && echo intact
exit $code
