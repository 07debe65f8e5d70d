/* threads.js - threads with their life lines, and those that were given back. */

const lives = data.lives.map((l) => ({
	serial: l[0],
	tid: l[1],
	name: text(l[2]),
	start: text(l[3]),
	state: l[4],
	flags: l[5],
	born: l[6],
	ended: l[7],
	seen: l[8],
	gone: l[9],
	cpu: l[10],
	stackBytes: l[11],
	group: null,
}));
const lifeBySerial = new Map(lives.map((l) => [l.serial, l]));
for (const group of data.threads)
	for (const serial of group.items) if (lifeBySerial.has(serial)) lifeBySerial.get(serial).group = group;

/* Threads that will never go on, and the proof. */
const stuckBySerial = new Map(
	data.stuck.map((t) => [
		t[0],
		{ joins: t[1] === 2, node: t[2], tid: t[3], address: t[4], offset: t[5], bytes: t[6], made: t[7] },
	]),
);

const lastUptime = Math.max(NOW, 1, ...data.moments.map((m) => m.uptime_ns));
function lifeState(l) {
	if (l.ended && l.state === 2 && !l.gone)
		return l.group && l.group.leak === "unjoined" ? "ended, unjoined" : "ended";
	if (l.gone) return "gone";
	return l.group && l.group.leak === "blocked" ? "blocked" : "running";
}
/* A bar from birth to end; from then on, of a thread that nobody joined, what it still holds. */
function lifeBar(l) {
	const at = (t) => 100 * Math.min(1, t / lastUptime) + "%";
	const span = (from, to) => ({ left: at(from), width: `calc(${at(Math.max(to, from) - from)})` });
	const end = l.ended || l.gone || lastUptime,
		held = lifeState(l) === "ended, unjoined";
	return el(
		"span",
		{
			class: "life",
			title:
				"born " +
				duration(l.born) +
				" after the start, " +
				(l.ended
					? "ended at " + duration(l.ended)
					: l.gone
						? "gone by " + duration(l.gone)
						: "alive"),
		},
		data.moments.length < 40
			? data.moments.map((m) => el("u", { style: { left: at(m.uptime_ns) } }))
			: null,
		el("i", { class: l.gone && !l.ended ? "gone" : "", style: span(l.born, end) }),
		waitBars(l, at),
		held ? el("i", { class: "held", style: span(end, lastUptime) }) : null,
	);
}

function stuckProof(t) {
	if (!t) return null;
	const what = t.joins
		? "It waits for the end of thread " + t.tid + ", which will never end either."
		: "It waits for a word at 0x" +
			t.address.toString(16) +
			(t.bytes ? ", byte " + t.offset + " of a block of " + bytes(t.bytes) + ", which" : ", which") +
			" no other thread can reach any more: nothing can wake it.";
	return [
		el("h3", {}, "Why it never goes on"),
		el("p", {}, what),
		el("h3", {}, "Waits at"),
		stackList(t.node),
		t.made ? [el("h3", {}, "The block was made at"), stackList(t.made)] : null,
	];
}

function threadDetail(l) {
	const list = el("dl", {});
	fact(list, "thread", (l.name || "(unnamed)") + ", tid " + l.tid + ", number " + l.serial);
	fact(list, "runs", l.start);
	fact(list, "state", lifeState(l));
	fact(list, "born", duration(l.born) + " after the start");
	fact(list, "ended", l.ended ? duration(l.ended) : "");
	fact(list, "CPU time", duration(l.cpu));
	fact(list, "stack", l.stackBytes ? bytes(l.stackBytes) + " of address space" : "");
	if (l.group) {
		fact(list, "made here", count(l.group.count) + (hasBase ? ", before " + count(l.group.base) : ""));
		fact(list, "leak", l.group.known ? "known and harmless: " + l.group.known : l.group.leak);
	}
	return el(
		"div",
		{},
		list,
		stuckProof(stuckBySerial.get(l.serial)),
		waitDetail(l),
		l.group || tracedBySerial.has(l.serial)
			? [el("h3", {}, "Created at"), stackList((l.group || tracedBySerial.get(l.serial)).node)]
			: el(
					"p",
					{ class: "dim" },
					"It is in an earlier snapshot only: its stack is shown by a report of that one.",
				),
	);
}

function threadsView() {
	const columns = [
		{
			key: "name",
			label: "Thread",
			width: "minmax(80px, 130px)",
			first: "asc",
			class: "mono",
			render: (l) => l.name || "(unnamed)",
			sort: (l) => l.name,
		},
		{
			key: "tid",
			label: "tid",
			width: "62px",
			number: true,
			wide: true,
			class: "dim",
			first: "asc",
			render: (l) => String(l.tid),
			sort: (l) => l.tid,
		},
		{
			key: "state",
			label: "State",
			width: "124px",
			first: "asc",
			render: (l) =>
				["ended, unjoined", "blocked"].includes(lifeState(l)) && !l.group.known
					? el("span", { class: "tag leak" }, lifeState(l))
					: l.group && l.group.leak === "running" && !l.group.known
						? leakTag(l.group)
						: [lifeState(l), " ", leakTag(l.group)],
			sort: (l) => leakText(l.group) + lifeState(l),
		},
		{
			key: "life",
			label: "Life",
			width: "minmax(120px, 1.6fr)",
			first: "asc",
			render: lifeBar,
			sort: (l) => l.born,
		},
		{
			key: "cpu",
			label: "CPU",
			width: "72px",
			number: true,
			wide: true,
			render: (l) => duration(l.cpu),
			sort: (l) => l.cpu,
		},
		{
			key: "start",
			label: "Runs",
			width: "minmax(90px, 1fr)",
			first: "asc",
			class: "mono",
			wide: true,
			render: (l) => l.start,
			sort: (l) => l.start,
		},
		siteColumn("Created in"),
	];
	const gone = data.thread_sums.reduce((n, t) => n + t[2], 0);
	const lead = el(
		"p",
		{ class: "dim", style: { marginBottom: "8px" } },
		plural(data.threads_sum.count, "thread") +
			" in the tables" +
			(hasBase ? ", " + count(data.threads_sum.base) + " before" : "") +
			"; " +
			count(gone) +
			" more ended and were joined or detached." +
			(data.moments.length > 1 ? " Thin lines: snapshots." : ""),
	);
	const keys = waitKeys();
	if (keys) lead.append(keys);
	const view = tableTab(
		"Threads",
		() =>
			lives.filter(
				(l) =>
					!search.test ||
					search.test(l.name) ||
					search.test(l.start) ||
					nodeMatches(l.group),
			),
		columns,
		threadDetail,
		{ key: "life", descending: false },
		lead,
		"no thread",
	);
	if (gone) view.element.append(sumsTable());
	return view;
}

function sumsTable() {
	const list = data.thread_sums
		.slice()
		.sort((a, b) => b[2] - a[2])
		.slice(0, 100);
	return plainBox(
		"Threads that were given back, by where they were created",
		[
			["runs", "text mono"],
			["created in", "text mono dim"],
			["threads"],
			["joined"],
			["detached"],
			["CPU"],
			["life on average"],
		],
		list.map((t) => [
			text(t[0]),
			t[1] ? frameName(nodeFrame[t[1]]) + " " + framePlace(nodeFrame[t[1]]) : "",
			count(t[2]),
			count(t[3]),
			count(t[4]),
			duration(t[5]),
			t[2] ? duration(t[6] / t[2]) : "",
		]),
	);
}
