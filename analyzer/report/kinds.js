/* kinds.js - descriptors and timers: a table each, with the stack that made them; what threads share with them. */

const NOW = data.snapshot.uptime_ns || 0;
function leakTag(group) {
	if (!group) return "";
	if (group.known) return el("span", { class: "tag known", title: group.known }, "known");
	return group.leak
		? el("span", { class: "tag leak" }, group.leak)
		: group.growth
			? el("span", { class: "tag leak" }, "+" + group.growth)
			: "";
}
const leakText = (group) =>
	group ? (group.known ? "1" : group.leak ? "3" + group.leak : group.growth ? "2" : "0") : "0";
const siteName = (group) => (group && group.node ? frameName(nodeFrame[group.node]) : "");
const sitePlace = (group) =>
	group && group.node ? framePlace(nodeFrame[group.node]) || frameModule(nodeFrame[group.node]) : "";
const nodeMatches = (group) => group && group.node && search.node && search.node[group.node];

/* Columns that the tables of threads, timers and descriptors share; each row has its group in .group. */
const leakColumn = (title) => ({
	key: "leak",
	label: "Leak",
	title,
	width: "92px",
	render: (r) => leakTag(r.group),
	sort: (r) => leakText(r.group),
});
const siteColumn = (label) => ({
	key: "site",
	label,
	width: "minmax(90px, 1fr)",
	first: "asc",
	class: "mono",
	wide: true,
	render: (r) => siteName(r.group),
	sort: (r) => siteName(r.group),
});
const placeColumn = {
	key: "place",
	label: "Source",
	width: "minmax(80px, .7fr)",
	first: "asc",
	class: "where",
	wide: true,
	render: (r) => sitePlace(r.group),
	sort: (r) => sitePlace(r.group),
};

/* A tab: a table and a detail beside it. */
function tableTab(label, rowsNow, columns, detailOf, sort, lead, none) {
	const detail = el(
		"div",
		{ class: "detail", tabindex: "0", role: "region", "aria-label": "The selected row" },
		el("p", { class: "dim" }, "Select a row to see the stack that made it."),
	);
	const table = makeTable({
		label,
		columns: () => columns,
		sort,
		none,
		onSelect: (r) => detail.replaceChildren(detailOf(r)),
		onOpen: () => detail.focus(),
	});
	const update = () => table.setRows(rowsNow());
	watch((what) => {
		if (what === "query") update();
	});
	update();
	return {
		element: el(
			"section",
			{ class: "fit" },
			lead,
			el("div", { class: "split tall" }, table.element, detail),
		),
		shown: () => table.refresh(),
	};
}

/* ---- descriptors ---- */

const descriptors = data.fds.flatMap((g) =>
	g.items.map((i) =>
		g.before !== undefined
			? { group: g, bad: true, fd: i[0], type: "close", names: g.leak, count: i[1], born: i[2] }
			: {
					group: g,
					fd: i[0],
					type: g.type,
					names: text(i[1]),
					cloexec: i[2],
					deleted: i[3],
					born: i[4],
					other: i[5],
				},
	),
);

/* The kernel says so in most names itself. */
function deletedMark(d) {
	return d.deleted && !d.names.endsWith("(deleted)") ? " (deleted)" : "";
}
function fdDetail(d) {
	const list = el("dl", {});
	fact(list, "descriptor", String(d.fd));
	fact(
		list,
		"is",
		d.bad
			? d.names + ", " + count(d.count) + (d.count === 1 ? " time" : " times")
			: d.type + (d.names ? ": " + d.names : "") + deletedMark(d),
	);
	if (d.other) fact(list, "other end", "descriptor " + (d.other - 1));
	if (!d.bad) fact(list, "close-on-exec", d.cloexec ? "yes" : "no");
	fact(list, "age", d.born ? duration(Math.max(0, NOW - d.born)) : "");
	fact(
		list,
		"origin",
		{
			hooked: "",
			inherited: "inherited: open before the program's first call",
			unseen: "opened by a path that no hook sees",
			outlive: "outlive's own",
		}[d.group.origin],
	);
	fact(list, "opened here", count(d.group.count) + (hasBase ? ", before " + count(d.group.base) : ""));
	fact(list, "leak", d.group.known ? "known and harmless: " + d.group.known : d.group.leak);
	return el(
		"div",
		{},
		list,
		el("h3", {}, d.bad ? "Closed at" : "Opened at"),
		stackList(d.group.node),
		d.bad
			? [
					el(
						"h3",
						{},
						d.group.leak === "double-close"
							? "Closed before at"
							: "What it hit was opened at",
					),
					stackList(d.group.before),
				]
			: null,
	);
}

function fdsView() {
	const columns = [
		{
			key: "fd",
			label: "fd",
			width: "52px",
			number: true,
			first: "asc",
			render: (d) => String(d.fd),
			sort: (d) => d.fd,
		},
		{
			key: "type",
			label: "Type",
			width: "84px",
			first: "asc",
			render: (d) => d.type,
			sort: (d) => d.type,
		},
		{
			key: "names",
			label: "Names",
			width: "minmax(140px, 1.8fr)",
			first: "asc",
			class: "mono",
			render: (d) => d.names + deletedMark(d),
			sort: (d) => d.names,
		},
		leakColumn("a leak, or new since the base"),
		{
			key: "age",
			label: "Age",
			width: "84px",
			number: true,
			wide: true,
			render: (d) => (d.born ? duration(Math.max(0, NOW - d.born)) : ""),
			sort: (d) => (d.born ? NOW - d.born : -1),
		},
		{
			key: "cloexec",
			label: "cloexec",
			width: "64px",
			wide: true,
			class: "dim",
			render: (d) => (d.bad ? "" : d.cloexec ? "yes" : "no"),
			sort: (d) => (d.cloexec ? 1 : 0),
		},
		{
			...siteColumn("Opened in"),
			render: (d) =>
				siteName(d.group) || (d.group.origin === "hooked" ? "" : "(" + d.group.origin + ")"),
		},
		placeColumn,
	];
	const types = {};
	for (const d of descriptors) types[d.type] = (types[d.type] || 0) + 1;
	const lead = el(
		"p",
		{ class: "dim", style: { marginBottom: "8px" } },
		count(data.fds_sum.count) +
			" open" +
			(hasBase ? ", " + count(data.fds_sum.base) + " before" : "") +
			": " +
			Object.entries(types)
				.sort((a, b) => b[1] - a[1])
				.map(([t, n]) => count(n) + " " + t)
				.join(", "),
	);
	return tableTab(
		"Descriptors",
		() =>
			descriptors.filter(
				(d) =>
					!search.test ||
					search.test(d.names || "") ||
					search.test(d.type) ||
					nodeMatches(d.group),
			),
		columns,
		fdDetail,
		{ key: "leak", descending: true },
		lead,
		"no descriptor",
	);
}

/* ---- timers ---- */

const timers = data.timers.flatMap((g) =>
	g.items.map((i) => ({
		group: g,
		id: i[0],
		armed: i[1],
		interval: i[2],
		remaining: i[3],
		expirations: i[4],
		signal: i[5],
		fd: i[6],
		born: i[7],
	})),
);

function timersView() {
	const columns = [
		{
			key: "id",
			label: "id",
			width: "90px",
			number: true,
			first: "asc",
			class: "dim",
			render: (t) => (t.fd ? "fd " + (t.fd - 1) : String(t.id)),
			sort: (t) => (t.fd ? t.fd - 1 : t.id),
		},
		{
			key: "type",
			label: "Type",
			width: "80px",
			first: "asc",
			render: (t) => t.group.type,
			sort: (t) => t.group.type,
		},
		{
			key: "armed",
			label: "State",
			width: "84px",
			render: (t) => (t.armed ? "armed" : "not armed"),
			sort: (t) => t.armed,
		},
		{
			key: "interval",
			label: "Interval",
			width: "92px",
			number: true,
			render: (t) => (t.interval ? duration(t.interval) : "once"),
			sort: (t) => t.interval,
		},
		{
			key: "remaining",
			label: "Next in",
			width: "92px",
			number: true,
			wide: true,
			render: (t) => (t.remaining ? duration(t.remaining) : ""),
			sort: (t) => t.remaining,
		},
		{
			key: "expirations",
			label: "Unread",
			title: "expirations that nobody has read, or overruns",
			width: "80px",
			number: true,
			render: (t) => (t.expirations ? count(t.expirations) : ""),
			sort: (t) => t.expirations,
		},
		leakColumn(),
		siteColumn("Created in"),
		placeColumn,
	];
	const detail = (t) => {
		const list = el("dl", {});
		fact(list, "timer", t.group.type + (t.fd ? ", descriptor " + (t.fd - 1) : ", id " + t.id));
		fact(list, "age", duration(Math.max(0, NOW - t.born)));
		fact(list, "signal", t.signal ? String(t.signal) : "");
		fact(list, "leak", t.group.known ? "known and harmless: " + t.group.known : t.group.leak);
		return el("div", {}, list, el("h3", {}, "Created at"), stackList(t.group.node));
	};
	return tableTab(
		"Timers",
		() => timers.filter((t) => !search.test || search.test(t.group.type) || nodeMatches(t.group)),
		columns,
		detail,
		{ key: "leak", descending: true },
		el(
			"p",
			{ class: "dim", style: { marginBottom: "8px" } },
			plural(data.timers_sum.count, "timer") +
				(hasBase ? ", " + count(data.timers_sum.base) + " before" : ""),
		),
		"no timer",
	);
}
