. "$(dirname "$0")/_case.sh"
# One flipped byte in a stored object.
project; snapshot --quiet > /dev/null; object=$(find .almanac/objects -type f -size +1k | head -1)
chmod u+w "$object"; printf X | dd of="$object" bs=1 seek=100 conv=notrunc status=none
almanac doctor --json
