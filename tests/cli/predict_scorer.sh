. "$(dirname "$0")/_case.sh"
# Two models that vote, as one folder: the class, its probabilities, and what each model says.
golden=$ALMANAC_SOURCE/tests/golden/forest
mkdir both && cp "$golden/model_simple.txt" "$golden/xgb_logistic.json" both
cat > both/scorer.json <<END
{"almanac_scorer": 1, "task": "classes", "labels": [-1, 1], "horizons": [{"name": "next",
 "members": [{"name": "light", "model": "model_simple.txt"},
             {"name": "xg", "model": "xgb_logistic.json", "columns": ["a", "b", "c", "d", "X1"]}],
 "combination": {"kind": "soft_vote", "weights": [1, 3]}}]}
END
printf 'id,X2,a,b,c,d,X1\n7,1,0.5,,-1,2,100\n8,3,-2,1,0,0,700\n' > rows.csv
almanac predict --model both rows.csv
almanac predict --model both rows.csv --members --block 1 --output out.csv; cat out.csv
almanac predict --model both rows.csv --json --quiet
