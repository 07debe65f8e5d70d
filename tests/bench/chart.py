"""Draws bench.json as an SVG: a group of bars for each workload, CPU time as a multiple of native, on a logarithmic scale."""
import html
import json
import math
import sys

COLORS = {"outlive": "#1f6feb", "outlive 512k": "#79b8ff", "heaptrack": "#d4731a", "jemalloc lg19": "#8a63d2", "LeakSanitizer": "#2e8b57",
          "jemalloc lg0": "#5a32a3", "tcmalloc HEAPPROFILE": "#c0392b", "memcheck": "#7f8c8d"}
LEFT, WIDTH, BAR, GAP, TOP = 170, 620, 10, 12, 64
LEAST, MOST = 0.5, 500.0


def x_of(ratio):
    ratio = min(max(ratio, LEAST), MOST)
    return LEFT + WIDTH * math.log(ratio / LEAST) / math.log(MOST / LEAST)


def text(x, y, what, extra=""):
    return '<text x="%.1f" y="%.1f" %s>%s</text>' % (x, y, extra, html.escape(what))


def legend(names):
    out, x = [], LEFT
    for i, name in enumerate(names):
        y = 22 + 18 * (i // 4)
        x = LEFT + 160 * (i % 4)
        out.append('<rect x="%d" y="%d" width="10" height="10" fill="%s"/>' % (x, y - 9, COLORS.get(name, "#444")))
        out.append(text(x + 14, y, name))
    return out


def grid(bottom):
    out = []
    for ratio in (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500):
        x = x_of(ratio)
        out.append('<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s"/>' % (x, TOP, x, bottom, "#555" if ratio == 1 else "#ddd"))
        out.append(text(x, bottom + 14, "%g" % ratio, 'text-anchor="middle"'))
    out.append(text(x_of(1), bottom + 30, "CPU time, native is 1", 'text-anchor="start"'))
    return out


def draw(data):
    names = [n for n in COLORS if any(n in r["tools"] for r in data["results"])]
    body, y = [], TOP + GAP
    for result in data["results"]:
        middle = y + BAR * len([n for n in names if n in result["tools"]]) / 2
        body.append(text(LEFT - 8, middle + 4, result["workload"], 'text-anchor="end" font-weight="bold"'))
        for name in names:
            tool = result["tools"].get(name)
            if not tool:
                continue
            if tool["failed"]:
                body.append(text(x_of(1) + 3, y + BAR - 1, "%s: %s" % (name, tool["failed"]), 'fill="%s" font-size="9"' % COLORS[name]))
            else:
                ratio = tool["cpu_ratio"]
                x0, x1 = sorted((x_of(1), x_of(ratio)))
                body.append('<rect x="%.1f" y="%.1f" width="%.1f" height="%d" fill="%s"/>' % (x0, y, max(x1 - x0, 1), BAR - 1, COLORS[name]))
                body.append(text(x1 + 3, y + BAR - 1, "%.2f" % ratio if ratio < 10 else "%.0f" % ratio, 'font-size="9"'))
            y += BAR
        y += GAP
    height = y + 44
    machine = "%s, %d cores, %s; %s" % (data["machine"]["cpu"], data["machine"]["cores"], data["machine"]["system"], data["date"])
    return "\n".join(
        ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">' % (LEFT + WIDTH + 60, height),
         '<rect width="100%" height="100%" fill="white"/>'] + legend(names) + grid(y) + body + [text(LEFT, height - 4, machine, 'fill="#555" font-size="9"'), "</svg>", ""])


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: chart.py BENCH.json CHART.svg")
    with open(sys.argv[1]) as file:
        data = json.load(file)
    with open(sys.argv[2], "w") as file:
        file.write(draw(data))


if __name__ == "__main__":
    main()
