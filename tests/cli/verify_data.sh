. "$(dirname "$0")/_case.sh"
# One flipped byte in one data file.
project; committed; file=$(find .almanac/predictions -name "*.parquet" | sort | head -1)
chmod u+w "$file"
printf X | dd of="$file" bs=1 seek=100 conv=notrunc status=none; almanac predictions verify
