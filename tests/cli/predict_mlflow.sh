. "$(dirname "$0")/_case.sh"
cp -r "$ALMANAC_SOURCE/tests/golden/mlflow/xgboost" model
printf 'f0,f1,f2\n0.5,-1,2\n-0.25,,0\n' > rows.csv
almanac predict --model model rows.csv
# The path of the data must stay inside the folder.
sed -i 's|data: model.ubj|data: ../rows.csv|' model/MLmodel
almanac predict --model model rows.csv
