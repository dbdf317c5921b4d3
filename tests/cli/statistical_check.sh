. "$(dirname "$0")/_case.sh"
# What a statistical model cannot have, and a name that is none.
project
python3 - << 'END'
text = open("almanac.yaml").read()
open("almanac.yaml", "w").write(text.replace("    horizon:", "    method: statistical\n    horizon:", 1))
END
almanac check
python3 - << 'END'
text = open("almanac.yaml").read()
open("almanac.yaml", "w").write(text.replace("    method: statistical\n", "    kinds: {lumpy: [imappa]}\n"))
END
almanac check
