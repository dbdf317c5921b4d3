. "$(dirname "$0")/_case.sh"
# Two levels have an aggregate of one name: the name alone does not say which is meant. A series of
# that name would be meant before both, and the answer says what it is about.
project
printf 'sku,category,brand\nsku_1,Other,Acme\nsku_2,Food,Other\nsku_3,Food,Other\n' > data/skus.csv
python3 - << 'END'
text = open("almanac.yaml").read()
text = text.replace("# What is forecast", """  skus:
    files: data/skus.csv
    keys: [sku]
    columns: {sku: text, category: text, brand: text}

# What is forecast""", 1)
text = text.replace("  missing: zero ", """  attributes:
    category: {source: skus, key: sku}
    brand: {source: skus, key: sku}
  missing: zero """)
text = text.replace("  - {level: total, by: []}", """  - {level: total, by: []}
  - {level: category, by: [category]}
  - {level: brand, by: [brand]}""")
open("almanac.yaml", "w").write(text)
END
committed
for node in Other Food Acme sku_1 total; do
    almanac optimize $node --model production --date 2024-02-01 --lead-time 2 --service-level 0.9 \
        --on-hand 5 --json | python3 -c 'import json, sys
answer = json.load(sys.stdin); print(answer.get("node"), answer.get("level"), list(answer)[0])'
done
