. "$(dirname "$0")/_case.sh"
# Two horizon blocks with a lag that only the first may have, and a recursive model beside them.
project
sed -i -e 's/horizon: 7/horizon: 14/' -e 's/lag: 7, scaled/lag: 7, steps_max: 7, scaled/' \
    -e '/horizon: 14/a\    blocks: [[1, 7], [8, 14]]' \
    -e '/^schedules:/a\  stepped: {model: stepwise, alias: stepwise-1}' almanac.yaml
cat > stepwise << 'END'
  stepwise:
    horizon: 14
    recursive: true
    features: [last, mean_7, mean_28, weekday]
    quantiles: [0.05, 0.5, 0.95]
    candidates: [gbm]
    gbm: {origin_stride: 5}
END
sed -i -e '/^models:/r stepwise' almanac.yaml && rm stepwise
almanac check
promoted
almanac train stepwise --snapshot "$snap" --quiet > /dev/null &&
    almanac models compare stepwise-1 --quiet &&
    almanac models approve stepwise-1 --why fine --quiet
for schedule in daily stepped; do
    almanac run --schedule $schedule --snapshot "$snap" --quiet > /dev/null || exit 99
done
for release in demand-1 stepwise-1; do
    almanac predictions query --model $release --date 2024-02-01 --format csv sku_1 | wc -l
done
almanac features compute --model stepwise --snapshot "$snap" --series sku_1 | wc -l
almanac rebuild demand-1 --verify | tail -n 1
