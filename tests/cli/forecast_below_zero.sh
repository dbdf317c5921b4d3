. "$(dirname "$0")/_case.sh"
# A chart whose values lie a little below zero has a tick at 0, which is not called -0.
python3 -c "
print('ds,y')
for i in range(40): print(f'{i},{i * 37 % 41 - 5}')" > signs.csv
almanac forecast signs.csv --horizon 2 --check 0 --quiet | grep -E '^ +-?[0-9]+ \+'
