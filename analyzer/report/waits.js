/* waits.js - what threads have waited for, where the program was run with a trace. */

const tracedBySerial = new Map(
	data.traced.map((t) => [t[0], { node: t[1], waits: t[2], lost: t[3], brief: t[4], briefTime: t[5], list: [] }]),
);
for (const w of data.waits)
	tracedBySerial.get(w[0]).list.push({
		begin: w[1],
		end: w[2],
		state: w[3],
		kind: text(w[4]),
		words: text(w[5]),
		node: w[6],
	});

/* For whom a thread waits: another thread, somebody outside, or time. */
function waitClass(kind) {
	if (kind === "sleep") return "sleep";
	if (/mutex|condition|lock|semaphore|barrier|join|futex/.test(kind) && kind !== "file lock") return "lock";
	return "io";
}
const WAIT_KEYS = [
	["runs", "runs, or could"],
	["lock", "waits for another thread"],
	["io", "waits for input, output, a child or a signal"],
	["sleep", "sleeps"],
];

function waitText(w) {
	return (
		w.kind +
		(w.words ? " " + w.words : "") +
		", " +
		duration(w.end - w.begin) +
		(w.state === 1 ? " and goes on" : w.state === 2 ? " at most: left, or cancelled" : "")
	);
}

/* Over a life line. Waits that would share a dot are drawn as one. */
function waitBars(l, at) {
	const t = tracedBySerial.get(l.serial);
	const bars = [];
	if (!t) return null;
	for (const w of t.list) {
		const last = bars[bars.length - 1];
		const kind = waitClass(w.kind);
		const dot = lastUptime / 1500;
		if (last && last.kind === kind && w.begin - last.end < dot && w.end - last.begin < 2 * dot) {
			last.end = w.end;
			last.n++;
		} else bars.push({ kind, begin: w.begin, end: w.end, n: 1, first: w });
	}
	return bars.map((b) =>
		el("b", {
			class: b.kind,
			title: b.n > 1 ? plural(b.n, "wait") + " in " + duration(b.end - b.begin) : waitText(b.first),
			style: { left: at(b.begin), width: at(b.end - b.begin) },
		}),
	);
}

function waitKeys() {
	if (!tracedBySerial.size) return null;
	return el(
		"div",
		{ class: "keys life-keys" },
		WAIT_KEYS.map(([kind, words]) => el("span", {}, el("i", { class: kind }), words)),
	);
}

/* The latest of a thread, and where each was. */
function waitDetail(l) {
	const t = tracedBySerial.get(l.serial);
	if (!t) return null;
	const latest = t.list.slice(-30).reverse();
	return [
		el("h3", {}, "Has waited"),
		el(
			"p",
			{ class: "dim" },
			plural(t.waits, "time") +
				(t.lost ? ", of which " + count(t.lost) + " were not kept" : "") +
				(t.brief ? "; " + plural(t.brief, "call") + " took " + duration(t.briefTime) + " together" : "") +
				(t.list.length > latest.length ? ". The latest:" : "."),
		),
		el(
			"ul",
			{ class: "waits" },
			latest.map((w) => {
				const where = el("div", { hidden: true });
				return el(
					"li",
					{},
					el(
						"button",
						{
							class: "link",
							type: "button",
							title: "where it waited",
							on: {
								click: () => {
									if (!where.firstChild) where.append(stackList(w.node));
									where.hidden = !where.hidden;
								},
							},
						},
						duration(w.begin) + ": " + waitText(w),
					),
					where,
				);
			}),
		),
	];
}
