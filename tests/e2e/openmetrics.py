"""Checks a file by the rules of OpenMetrics 1.0 that a writer can break: families whole, suffixes, labels, values, the end."""
import re
import sys

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?[0-9.e+]+)$')
SUFFIX = {"counter": ("_total",), "gauge": ("",)}

with open(sys.argv[1], "rb") as f:
    text = f.read().decode("utf-8")
assert text.endswith("# EOF\n") and text.count("# EOF") == 1, "the end"
family, kinds, seen = None, {}, set()
for line in text.splitlines()[:-1]:
    meta = re.match(r"^# (HELP|TYPE|UNIT) (\S+) (.*)$", line)
    if meta:
        what, name, value = meta.groups()
        if name != family:
            assert name not in kinds, "twice: " + name
            family = name
            kinds[name] = None
        if what == "TYPE":
            kinds[name] = value
        if what == "UNIT":
            assert name.endswith("_" + value), line
        continue
    sample = SAMPLE.match(line)
    assert sample, "no sample: " + line
    name, labels, value = sample.groups()
    assert name in [family + s for s in SUFFIX[kinds[family]]], "not of %s: %s" % (family, line)
    assert (name, labels) not in seen, "twice: " + line
    seen.add((name, labels))
    assert kinds[family] != "counter" or float(value) >= 0, line
assert len(kinds) > 15 and len(seen) > 30, (len(kinds), len(seen))
