"""trace_spans.py FILE: reads a file of `outlive export --format perfetto` as a viewer would, and fails where one would
stumble: slices of one track must lie beside or within one another, in known time. Prints, tab-separated:
  thread TRACK NAME RUNS BEGIN END WAITS NOT_KEPT
  wait   TRACK RUNS REASON NAME STATE MS FRAME FRAME...
with times in ms; STATE is ended, left (by longjmp, or cancelled) or open. RUNS is the start routine, as the thread's own slice is called."""
import json
import sys


def main():
    document = json.load(open(sys.argv[1]))
    tracks, names = {}, {}
    for event in document["traceEvents"]:
        assert {"ph", "pid", "ts", "name"} <= event.keys(), event
        if event["ph"] == "M" and event["name"] == "thread_name":
            assert event["tid"] not in names, ("two names", event)
            names[event["tid"]] = event["args"]["name"]
        if event["ph"] == "X":
            assert event["ts"] >= 0 and event["dur"] >= 0, event
            tracks.setdefault(event["tid"], []).append(event)
    assert tracks.keys() <= names.keys(), "a track without a name"
    for tid, events in tracks.items():
        nest(events)
        life = [e for e in events if e["cat"] == "thread"]
        runs = life[0]["name"]
        args = life[0]["args"]
        print("thread", tid, names[tid], runs, ms(life[0]["ts"]), ms(life[0]["ts"] + life[0]["dur"]),
              args.get("waits", "-"), args.get("waits_not_kept", "-"), sep="\t")
        for e in events:
            if e["cat"] == "wait":
                at = [frame.split(" ")[0] for frame in e["args"]["waits_at"]]
                state = "left" if e["args"]["left"] else "ended" if e["args"]["ended"] else "open"
                print("wait", tid, runs, e["args"]["reason"], e["name"], state, ms(e["dur"]), *at, sep="\t")


def ms(us):
    return "%.3f" % (us / 1000)


def nest(events):
    """Who begins within another must end within it. Times are rounded to what a double holds."""
    open_ends = []
    for e in sorted(events, key=lambda e: (e["ts"], -e["dur"])):
        while open_ends and open_ends[-1] <= e["ts"] + 0.01:
            open_ends.pop()
        end = e["ts"] + e["dur"]
        assert not open_ends or end <= open_ends[-1] + 0.01, ("overlaps", e)
        open_ends.append(end)


main()
