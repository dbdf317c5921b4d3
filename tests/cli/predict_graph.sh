# ONNX graphs that are no forests: by position, since they have no names; by name; refused.
. "$(dirname "$0")/_case.sh"
# The library is found by the program's own run path; a sanitizer's dlopen does not look there.
build=${ALMANAC_BUILD:-$(dirname "$ALMANAC")/..}
grep -q "^ALM_SANITIZE:STRING=." "$build/CMakeCache.txt" || export ALMANAC_ONNXRUNTIME=
cp "$ALMANAC_SOURCE"/tests/golden/onnx/*.onnx .
printf 'a,b,c\n1,2,3\n0.5,-1,0\n' > rows.csv
printf 'region,age,income\n1,2,3\n' > named.csv
almanac predict --model linear.onnx rows.csv
almanac predict --model columns.onnx named.csv
almanac predict --json --model linear.onnx rows.csv
for model in zipmap external loop two lstm; do
    almanac predict --model $model.onnx rows.csv
done
ALMANAC_ONNXRUNTIME=/nowhere.so almanac predict --model linear.onnx rows.csv
