/* source.js - source text with what was allocated in each line, as it was where the report was made. */

const sourceView = { at: null, list: null, code: null };

const sourcesByName = new Map();
data.sources.forEach((s, i) => {
	s.order = i;
	const key = s.function + "/" + baseName(text(s.file));
	if (!sourcesByName.has(key)) sourcesByName.set(key, s);
});
/* What is listed of the function of a frame, or undefined. */
function findSource(f) {
	return data.frame_file[f]
		? sourcesByName.get(data.frame_function[f] + "/" + baseName(text(data.frame_file[f])))
		: undefined;
}
function openSource(source, line) {
	showTab("source");
	showSource(source, line);
}

function figureCells(values, hot) {
	const c = state.column;
	return [0, 4].map((side) =>
		el(
			"td",
			{ class: "v" },
			values[side + c] ? figure(values[side + c], c, hasBase) : hot ? "\u00b7" : "",
		),
	);
}

function codeRow(number, lineText, values, attributes) {
	return el(
		"tr",
		attributes,
		values ? figureCells(values, true) : [el("td", { class: "v" }), el("td", { class: "v" })],
		el("td", { class: "n" }, number || "?"),
		el("td", {}, lineText),
	);
}

function inlinedRows(line, indent) {
	return line[9].map((i) =>
		el(
			"tr",
			{ class: "inlined" },
			figureCells(i.slice(4), true),
			el("td", { class: "n" }),
			el(
				"td",
				{},
				indent +
					"  ".repeat(Math.min(20, i[3]) + 2) +
					"\u21b3 " +
					text(i[0]) +
					"  " +
					baseName(text(i[1])) +
					(i[2] ? ":" + i[2] : "") +
					"  (inlined)",
			),
		),
	);
}

function codeTable(s, focus) {
	const body = el("tbody", {}),
		figures = new Map(s.lines.map((l) => [l[0], l]));
	const texts = new Map(s.text.map((pair) => [pair[0], pair[1] || ""]));
	const numbers = [...new Set([...texts.keys(), ...figures.keys()])].sort((a, b) => a - b);
	let last = 0;
	for (const n of numbers) {
		const line = figures.get(n),
			t = texts.get(n);
		if (last && n > last + 1) body.append(el("tr", { class: "gap" }, el("td", { colspan: 4 }, "\u22ef")));
		const shown = t !== undefined ? t : n ? "" : "(of this call the line is not known)";
		body.append(
			codeRow(n, shown, line && line.slice(1, 9), {
				class: line ? "hot" : "",
				"data-line": n,
				"aria-current": focus === n ? "location" : null,
			}),
		);
		if (line) body.append(...inlinedRows(line, /^\s*/.exec(shown)[0]));
		last = n;
	}
	const heads = [
		["flat", "allocated in the line itself"],
		["cum", "and in all that it calls"],
		["line", ""],
		["source", ""],
	];
	return el(
		"table",
		{},
		el(
			"thead",
			{},
			el(
				"tr",
				{},
				heads.map((h) => el("th", { scope: "col", title: h[1] }, h[0])),
			),
		),
		body,
	);
}

function excuseOf(s) {
	if (!s.file) return "No source lines are known: the module has no debug information.";
	if (!s.path)
		return (
			"The source was not there when the report was made: " +
			text(s.file) +
			" (--source-path DIR names a copy of its tree)."
		);
	return s.changed ? "The file was changed after the program was started: lines may have moved." : "";
}

function showSource(s, focus) {
	sourceView.at = s;
	const c = state.column,
		excuse = excuseOf(s);
	sourceView.code.replaceChildren(
		el(
			"div",
			{ class: "title" },
			el("h2", { class: "mono" }, text(s.function)),
			el(
				"p",
				{ class: "dim" },
				(text(s.path) || text(s.file) || baseName(text(s.module))) +
					" \u2014 " +
					figure(s.sums[c], c, hasBase) +
					" flat, " +
					figure(s.sums[4 + c], c, hasBase) +
					" cum " +
					COLUMN_TEXT[c],
			),
			excuse && el("p", {}, excuse),
		),
		s.lines.length && s.file ? codeTable(s, focus) : "",
	);
	const row = focus && sourceView.code.querySelector(`tr[data-line="${Number(focus)}"]`);
	if (row) row.scrollIntoView({ block: "center" });
	else sourceView.code.scrollTop = 0;
}

function sourceTab() {
	const c = () => state.column;
	sourceView.code = el(
		"div",
		{ class: "code", tabindex: "0", role: "region", "aria-label": "Source text" },
		el("p", { class: "empty" }, "Select a function."),
	);
	sourceView.list = makeTable({
		label: "Functions with source",
		sort: { key: "flat", descending: true },
		columns: () => [
			{
				key: "flat",
				label: "flat",
				width: "80px",
				number: true,
				render: (s) => figure(s.sums[c()], c(), hasBase),
				sort: (s) => s.sums[c()],
			},
			{
				key: "cum",
				label: "cum",
				width: "80px",
				number: true,
				render: (s) => figure(s.sums[4 + c()], c(), hasBase),
				sort: (s) => s.sums[4 + c()],
			},
			{
				key: "name",
				label: "Function",
				class: "mono",
				first: "asc",
				render: (s) => [
					text(s.function),
					s.path ? null : el("span", { class: "dim" }, " (no source)"),
				],
				sort: (s) => text(s.function),
			},
		],
		onSelect: (s) => showSource(s),
		none: "no function's source lines are known",
	});
	const update = () => {
		sourceView.list.setRows(
			data.sources.filter(
				(s) => !search.test || search.test(text(s.function)) || search.test(text(s.file)),
			),
		);
		if (sourceView.at) showSource(sourceView.at);
	};
	watch((what) => {
		if (what === "query" || what === "column") update();
	});
	update();
	const best = sourceView.list.sorted.find((s) => s.path) || sourceView.list.sorted[0];
	if (best) showSource(best);
	return {
		element: el(
			"section",
			{ class: "fit" },
			el(
				"p",
				{ class: "dim", style: { marginBottom: "8px" } },
				(hasBase ? "Growth" : "Figures") +
					" by line, as the source was when the report was made: flat in the line itself, cum in it and all that it calls.",
			),
			el("div", { class: "source-split tall" }, sourceView.list.element, sourceView.code),
		),
		shown: () => sourceView.list.refresh(),
	};
}
