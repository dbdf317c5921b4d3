. "$(dirname "$0")/_case.sh"
# Rows without names of the model's columns: five of them, by position.
cp "$ALMANAC_SOURCE/tests/golden/forest/onnx_lgbm_binary.onnx" binary.onnx
cp "$ALMANAC_SOURCE/tests/golden/forest/onnx_xgb.onnx" xgb.onnx
printf 'a,b,c,d,e\n0.5,-1,2,0,1\n-0.25,,2,0,1\n' > rows.csv
almanac predict --model binary.onnx rows.csv
almanac predict --raw --model xgb.onnx rows.csv
