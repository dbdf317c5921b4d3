. "$(dirname "$0")/_case.sh"
# One flipped byte in a stored bundle: nothing runs with it.
project; committed; almanac models show demand-1 --json > shown
bundle=$(sed "s/.*\"bundles\":\"demand \([0-9a-f]*\).*/\1/" shown)
object=.almanac/objects/${bundle:0:2}/${bundle:2}; chmod u+w "$object"
printf X | dd of="$object" bs=1 seek=10 conv=notrunc status=none
late; almanac run --snapshot "$late" --supersede "$run" --reason late
