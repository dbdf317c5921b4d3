. "$(dirname "$0")/_case.sh"
# Byte for byte, from the snapshot in the store; another definition is not the recorded one.
bars_trained
almanac rebuild swing-1 --verify
sed -i 's/trees: 10/trees: 12/' almanac.yaml
git add -A && git -c user.name=t -c user.email=t@example.org commit -qm 'More trees'
almanac rebuild swing-1
