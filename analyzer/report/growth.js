/* growth.js - the ranked table: stacks, functions, lines or modules; sorted, searched, each with its stack. */

const growth = { by: "stack", churn: false, table: null };

function valueCell(get, column) {
	return (row) => {
		const n = get(row, column);
		const sign = isDifference();
		const main = sign && column === state.column;
		return el(
			"span",
			{ class: main ? (n > 0 ? "up" : n < 0 ? "down" : "dim") : n ? "" : "dim" },
			figure(n, column, sign),
		);
	};
}
const SHORT = ["alloc objects", "alloc space", "in-use objects", "in-use space"];
const ORDER = [1, 3, 0, 2];

/* What a scan of all that the program can reach says: worst first. */
const VERDICTS = ["", "reachable", "possible", "indirect", "lost"];
const verdictColumn = {
	key: "verdict",
	label: "Reach",
	title: "whether the program can still reach the blocks",
	width: "78px",
	render: (r) => (r.verdict ? el("span", { class: r.verdict === "lost" ? "tag leak" : "tag" }, r.verdict) : ""),
	sort: (r) => VERDICTS.indexOf(r.verdict),
};

function stackColumns() {
	const get = (row, c) => valueOf(row, c, state.mode);
	return [
		{
			key: "rank",
			label: "#",
			title: "rank by growth of " + COLUMN_TEXT[1],
			width: "44px",
			number: true,
			wide: true,
			first: "asc",
			class: "dim",
			render: (r) => String(r.rank),
			sort: (r) => r.rank,
		},
	].concat(
		ORDER.map((c) => ({
			key: COLUMNS[c],
			label: SHORT[c],
			width: isBytes(c) ? "94px" : "104px",
			number: true,
			wide: c !== state.column,
			render: valueCell(get, c),
			sort: (r) => get(r, c),
		})),
		[
			{
				key: "freed",
				label: "freed",
				title: "share of the allocated bytes that was given back",
				width: "54px",
				number: true,
				wide: true,
				class: "dim",
				render: (r) => {
					const s = freedShare(r);
					return s === null ? "" : percent(s, 1);
				},
				sort: (r) => {
					const s = freedShare(r);
					return s === null ? -1 : s;
				},
			},
			...(hasVerdicts ? [verdictColumn] : []),
			{
				key: "site",
				label: "Allocated in",
				width: "minmax(150px, 1.2fr)",
				first: "asc",
				class: "mono",
				render: (r) => [
					frameName(nodeFrame[siteOf(r)]),
					r.mapped
						? el("span", { class: "tag", style: { marginLeft: "6px" } }, "mmap")
						: null,
				],
				sort: (r) => frameName(nodeFrame[siteOf(r)]),
			},
			{
				key: "caller",
				label: "Called by",
				width: "minmax(90px, 1fr)",
				wide: true,
				class: "mono dim",
				render: (r) => callersOf(siteOf(r)),
			},
			{
				key: "place",
				label: "Source",
				width: "minmax(80px, .6fr)",
				wide: true,
				first: "asc",
				class: "where",
				render: (r) => framePlace(nodeFrame[siteOf(r)]) || frameModule(nodeFrame[siteOf(r)]),
				sort: (r) => framePlace(nodeFrame[siteOf(r)]),
			},
		],
	);
}
function callersOf(node) {
	const names = [];
	for (node = nodeParent[node]; node && names.length < 4; node = nodeParent[node])
		names.push(frameName(nodeFrame[node]));
	return names.join(" \u2190 ");
}

function sumColumns() {
	const pick = (now, base) => (g, c) =>
		isDifference() || !hasBase ? g[now][c] : state.mode === "base" ? g[base][c] : g[now][c] + g[base][c];
	const flat = pick("flat", "flatBase"),
		cum = pick("cum", "base"),
		c = state.column;
	const columns = [
		{
			key: "flat",
			label: "flat",
			title: "allocated in it",
			width: "98px",
			number: true,
			render: valueCell(flat, c),
			sort: (g) => flat(g, c),
		},
		{
			key: "flat%",
			label: "flat %",
			width: "58px",
			number: true,
			wide: true,
			class: "dim",
			render: (g) => percent(flat(g, c), totalOf(c, state.mode)),
			sort: (g) => flat(g, c),
		},
		{
			key: "cum",
			label: "cum",
			title: "allocated in it and in all that it calls",
			width: "98px",
			number: true,
			render: valueCell(cum, c),
			sort: (g) => cum(g, c),
		},
		{
			key: "cum%",
			label: "cum %",
			width: "58px",
			number: true,
			wide: true,
			class: "dim",
			render: (g) => percent(cum(g, c), totalOf(c, state.mode)),
			sort: (g) => cum(g, c),
		},
		{
			key: "stacks",
			label: "stacks",
			width: "62px",
			number: true,
			wide: true,
			class: "dim",
			render: (g) => count(g.stacks),
			sort: (g) => g.stacks,
		},
	];
	if (growth.by === "module")
		return columns.concat({
			key: "module",
			label: "Module",
			class: "mono",
			first: "asc",
			render: (g) => frameModule(g.frame) || "(none)",
			sort: (g) => frameModule(g.frame),
		});
	return columns.concat(
		{
			key: "name",
			label: "Function",
			width: "minmax(150px, 1.6fr)",
			class: "mono",
			first: "asc",
			render: (g) => frameName(g.frame),
			sort: (g) => frameName(g.frame),
		},
		{
			key: "place",
			label: growth.by === "line" ? "Line" : "File",
			width: "minmax(80px, .8fr)",
			wide: true,
			class: "where",
			first: "asc",
			render: (g) =>
				growth.by === "line" ? framePlace(g.frame) : framePlace(g.frame).replace(/:\d+$/, ""),
			sort: (g) => framePlace(g.frame),
		},
		{
			key: "module",
			label: "Module",
			width: "minmax(70px, .5fr)",
			wide: true,
			class: "where",
			first: "asc",
			render: (g) => frameModule(g.frame),
			sort: (g) => frameModule(g.frame),
		},
	);
}

function growthRows() {
	const all = growth.churn || !isDifference();
	if (growth.by === "stack")
		return rows.filter(
			(r) =>
				(all || !r.churn) &&
				(!isDifference() || !r.same) &&
				(state.mode !== "growth" || r.value[state.column] > 0) &&
				(!search.node || search.node[r.node]),
		);
	return sumBy(growth.by, all).filter(
		(g) =>
			(!isDifference() || g.cum.some((n) => n !== 0)) &&
			(state.mode !== "growth" || g.cum[state.column] > 0) &&
			(!search.frame ||
				(growth.by === "module" ? search.test(frameModule(g.frame)) : search.frame[g.frame])),
	);
}

function sumDetail(group) {
	const source = findSource(group.frame),
		list = el("dl", {});
	for (const c of ORDER)
		fact(
			list,
			COLUMN_TEXT[c],
			figure(group.flat[c], c, hasBase) + " flat, " + figure(group.cum[c], c, hasBase) + " cum",
		);
	fact(list, "stacks", count(group.stacks));
	if (growth.by !== "module") {
		fact(list, "file", text(data.frame_file[group.frame]));
		fact(list, "module", text(data.frame_module[group.frame]));
	}
	const has = new Uint8Array(N_NODES),
		name = data.frame_function[group.frame];
	for (let i = 1; i < N_NODES; i++)
		has[i] = has[nodeParent[i]] | (data.frame_function[nodeFrame[i]] === name ? 1 : 0);
	const same = rows.filter((r) => (growth.churn || !r.churn) && has[r.node]);
	const largest =
		growth.by === "module"
			? []
			: same
					.sort(
						(a, b) =>
							valueOf(b, state.column, state.mode) -
							valueOf(a, state.column, state.mode),
					)
					.slice(0, 3);
	return el(
		"div",
		{},
		el(
			"h2",
			{ class: "mono" },
			growth.by === "module" ? frameModule(group.frame) : frameName(group.frame),
		),
		list,
		source &&
			el(
				"p",
				{},
				el(
					"button",
					{ class: "link", type: "button", on: { click: () => openSource(source) } },
					"Show its source",
				),
			),
		largest.map((r) => [
			el("h3", {}, figure(valueOf(r, state.column, state.mode), state.column, hasBase) + " here:"),
			stackList(siteOf(r)),
		]),
	);
}

function growthView() {
	const detail = el(
		"div",
		{ class: "detail", tabindex: "0", role: "region", "aria-label": "The selected row" },
		el("p", { class: "dim" }, "Select a row: its stack, sizes and ages appear here."),
	);
	const told = el("span", { class: "dim grow" });
	growth.table = makeTable({
		label: "Ranked growth",
		columns: () => (growth.by === "stack" ? stackColumns() : sumColumns()),
		sort: hasBase ? { key: "alloc_space", descending: true } : { key: "inuse_space", descending: true },
		rowClass: (r) => (r.churn ? "churn" : ""),
		onSelect: (r) => detail.replaceChildren(growth.by === "stack" ? rowDetail(r) : sumDetail(r)),
		onOpen: () => detail.focus(),
	});
	const nChurn = rows.filter((r) => r.churn).length;
	const update = () => {
		const list = growthRows();
		growth.table.setRows(list);
		told.textContent =
			plural(list.length, growth.by) +
			(nChurn && !growth.churn && isDifference()
				? "; churn left out: " + count(nChurn) + " stacks that gave back what they allocated"
				: "");
	};
	const by = choice("Rows", ["stack", "function", "line", "module"], growth.by, (value) => {
		growth.by = value;
		growth.table.sort =
			value === "stack"
				? { key: COLUMNS[state.column], descending: true }
				: { key: "flat", descending: true };
		update();
	});
	const churn = nChurn
		? el(
				"label",
				{},
				el("input", {
					type: "checkbox",
					id: "churn",
					on: {
						change: (e) => {
							growth.churn = e.target.checked;
							update();
						},
					},
				}),
				" churn, too",
			)
		: null;
	watch((what) => {
		if (what === "column" && growth.by === "stack")
			growth.table.sort = { key: COLUMNS[state.column], descending: true };
		if (["column", "mode", "query"].includes(what)) update();
	});
	update();
	return {
		element: el(
			"section",
			{ class: "fit" },
			el("div", { class: "bar-tools" }, by, churn, told),
			el("div", { class: "split tall" }, growth.table.element, detail),
		),
		shown: () => growth.table.refresh(),
	};
}

/* Buttons of which one is pressed. */
function choice(label, values, at, onChange, names) {
	const group = el("span", { class: "seg", role: "group", "aria-label": label });
	values.forEach((value, i) =>
		group.append(
			el(
				"button",
				{
					type: "button",
					"data-value": value,
					"aria-pressed": value === at ? "true" : "false",
					on: {
						click: (event) => {
							for (const b of group.children)
								b.setAttribute(
									"aria-pressed",
									b === event.currentTarget ? "true" : "false",
								);
							onChange(value);
						},
					},
				},
				names ? names[i] : value,
			),
		),
	);
	return group;
}
