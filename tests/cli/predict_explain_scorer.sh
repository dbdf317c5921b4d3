. "$(dirname "$0")/_case.sh"
# Members are explained each by itself: in their own columns, of several horizons and outputs.
golden=$ALMANAC_SOURCE/tests/golden/forest
mkdir both && cp "$golden/model_simple.txt" "$golden/xgb_squared.json" both
cat > both/scorer.json <<END
{"almanac_scorer": 1, "task": "value", "horizons": [
 {"name": "5", "members": [{"name": "xg", "model": "xgb_squared.json",
                            "columns": ["a", "b", "c", "d", "X1"]}]},
 {"name": "20", "members": [{"name": "light", "model": "model_simple.txt"},
                            {"name": "xg", "model": "xgb_squared.json",
                             "columns": ["a", "b", "c", "d", "X1"]}],
  "combination": {"kind": "mean"}}]}
END
printf 'id,X2,a,b,c,d,X1\n7,1,0.5,,-1,2,100\n8,3,-2,1,0,0,700\n' > rows.csv
almanac predict --model both rows.csv --contributions > out.csv
head -1 out.csv | tr , '\n'
# 2 predictions; 5 + 1, 2 + 1 and 5 + 1 numbers
awk -F, 'NR > 1 { print NF; for (i = 3; i <= 8; i++) if ($i != $(i + 9)) print "differs" }' out.csv
almanac predict --model both rows.csv --contributions --strict --members --block 1 --quiet |
    awk -F, 'NR > 1 { s = 0; for (i = 6; i <= 11; i++) s += $i; d = s - $2
                      print (d < 1e-5 && d > -1e-5) ? "sums to the member" : d }'
