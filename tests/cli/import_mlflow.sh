. "$(dirname "$0")/_case.sh"
# Of an MLflow folder the model file is kept, and nothing else.
project; commit
cp -r "$ALMANAC_SOURCE/tests/golden/mlflow/onnx" model
printf 'f0,f1,f2\n0.5,-1,2\n-0.25,0,0\n' > rows.csv
almanac predict --model model rows.csv --quiet 2> /dev/null | paste -d, rows.csv - > check.csv
almanac import model --name tree --expected check.csv --why 'from MLflow' --quiet
almanac predict --release tree-1 rows.csv 2>&1
