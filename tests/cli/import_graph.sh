# An ONNX graph that is no forest, imported and scored as a release; an answer that is off.
. "$(dirname "$0")/_case.sh"
almanac init p --quiet && cd p || exit 99
cp "$ALMANAC_SOURCE/tests/golden/onnx/linear.onnx" net.onnx
printf 'f0,f1,f2,prediction_0,prediction_1\n1,2,3,8.5,-0.75\n0.5,-1,0,12.5,-6.875\n' > expected.csv
printf 'a,b,c\n1,2,3\n' > rows.csv
almanac import net.onnx --name net --expected expected.csv --why trial --who tester
almanac predict --release net-1 rows.csv
sed -i s/12.5/12.6/ expected.csv
almanac import net.onnx --name net --expected expected.csv --why trial --who tester
