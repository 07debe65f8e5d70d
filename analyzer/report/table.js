/* table.js - a table of any number of rows, of which only those in sight are in the document. */

const ROW_HEIGHT = 24;
const PRINTED_ROWS = 60;
let tables = 0;

/*
 * options: label; columns: [{key, label, title, width (CSS), number, render(row) -> text or element, sort(row) ->
 * number or text, wide (left out where it is narrow), first: "asc"}]; rows; sort: {key, descending}; onSelect(row);
 * rowClass(row). Returns {element, setRows(rows), refresh(), sorted}.
 */
function makeTable(options) {
	const id = "table" + ++tables;
	const t = { sort: options.sort || null, sorted: [], at: -1 };
	const head = el("div", { class: "head", role: "row" });
	const spacer = el("div", { class: "spacer", role: "rowgroup", style: { position: "relative" } });
	const scroll = el(
		"div",
		{
			class: "scroll",
			tabindex: "0",
			role: "grid",
			"aria-label": options.label,
			on: { scroll: () => draw(), keydown: key },
		},
		head,
		spacer,
	);
	t.element = el("div", { class: "grid" }, scroll);

	function visible() {
		const narrow = t.element.clientWidth > 0 && t.element.clientWidth < 640;
		return options.columns().filter((c) => !narrow || !c.wide);
	}
	function template(columns) {
		return columns.map((c) => c.width || "minmax(0, 1fr)").join(" ");
	}
	function compare(column, descending) {
		return (a, b) => {
			const x = column.sort(a),
				y = column.sort(b);
			const order = typeof x === "string" ? x.localeCompare(y) : x - y;
			return (descending ? -order : order) || a.order - b.order;
		};
	}
	function arrange() {
		const column = t.sort && options.columns().find((c) => c.key === t.sort.key);
		if (column) t.sorted.sort(compare(column, t.sort.descending));
	}
	function sortBy(column) {
		const same = t.sort && t.sort.key === column.key;
		t.sort = { key: column.key, descending: same ? !t.sort.descending : column.first !== "asc" };
		arrange();
		drawHead();
		draw();
		select(0);
		say("sorted by " + column.label + (t.sort.descending ? ", descending" : ", ascending"));
	}
	function drawHead() {
		const columns = visible();
		head.style.gridTemplateColumns = template(columns);
		head.replaceChildren(
			...columns.map((c) => {
				const sorted = t.sort && t.sort.key === c.key;
				const arrow = sorted ? (t.sort.descending ? " \u25be" : " \u25b4") : "";
				return el(
					"span",
					{
						role: "columnheader",
						class: c.number ? "num" : "",
						title: c.title,
						"aria-sort": sorted
							? t.sort.descending
								? "descending"
								: "ascending"
							: "none",
					},
					c.sort
						? el(
								"button",
								{
									type: "button",
									"data-sort": c.key,
									on: { click: () => sortBy(c) },
								},
								c.label + arrow,
							)
						: c.label,
				);
			}),
		);
	}
	function drawRow(index, columns, where) {
		const row = t.sorted[index];
		const cells = columns.map((c) => {
			const content = c.render(row);
			return el(
				"span",
				{ role: "gridcell", class: (c.number ? "num " : "") + (c.class || "") },
				content,
			);
		});
		return el(
			"div",
			{
				class: "row " + (options.rowClass ? options.rowClass(row) : ""),
				role: "row",
				id: id + "-" + index,
				"aria-rowindex": index + 2,
				"aria-selected": index === t.at ? "true" : "false",
				style: { top: index * ROW_HEIGHT + "px", gridTemplateColumns: where },
				on: {
					click: () => {
						select(index);
					},
				},
			},
			cells,
		);
	}
	function draw(all) {
		const columns = visible();
		const first = all ? 0 : Math.max(0, Math.floor(scroll.scrollTop / ROW_HEIGHT) - 6);
		const height = scroll.clientHeight || 600;
		const last = Math.min(t.sorted.length, all ? all : first + Math.ceil(height / ROW_HEIGHT) + 14);
		const drawn = [];
		const where = template(columns);
		for (let i = first; i < last; i++) drawn.push(drawRow(i, columns, where));
		if (!t.sorted.length) drawn.push(el("div", { class: "none" }, options.none || "nothing matches"));
		spacer.style.height = Math.max(1, t.sorted.length) * ROW_HEIGHT + "px";
		spacer.replaceChildren(...drawn);
		scroll.setAttribute("aria-rowcount", t.sorted.length + 1);
		if (t.at >= 0) scroll.setAttribute("aria-activedescendant", id + "-" + t.at);
		else scroll.removeAttribute("aria-activedescendant");
	}
	function select(index) {
		t.at = Math.max(0, Math.min(t.sorted.length - 1, index));
		if (!t.sorted.length) return;
		const top = t.at * ROW_HEIGHT,
			space = scroll.clientHeight - head.offsetHeight - ROW_HEIGHT;
		if (top < scroll.scrollTop) scroll.scrollTop = top;
		else if (top > scroll.scrollTop + space) scroll.scrollTop = top - space;
		draw();
		if (options.onSelect) options.onSelect(t.sorted[t.at]);
	}
	function key(event) {
		const page = Math.max(1, Math.floor(scroll.clientHeight / ROW_HEIGHT) - 2);
		const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -1e9, End: 1e9 };
		if (event.target !== scroll || event.ctrlKey || event.metaKey || event.altKey) return;
		if (event.key in moves) {
			event.preventDefault();
			select((t.at < 0 && moves[event.key] > 0 ? -1 : t.at) + moves[event.key]);
		} else if (event.key === "Enter" && t.at >= 0 && options.onOpen) {
			options.onOpen(t.sorted[t.at]);
		}
	}

	t.setRows = (list) => {
		t.sorted = list;
		t.sorted.forEach((row, i) => {
			row.order = i;
		});
		arrange();
		t.at = -1;
		scroll.scrollTop = 0;
		t.refresh();
		if (options.onSelect && t.sorted.length) select(0);
	};
	t.refresh = () => {
		drawHead();
		draw();
	};
	t.select = select;
	addEventListener("resize", () => t.refresh());
	addEventListener("beforeprint", () => draw(PRINTED_ROWS));
	addEventListener("afterprint", () => draw());
	return t;
}

/*
 * A short table as it stands, in a box of its own. columns: [label, class of its cells]; "text" in the class puts it to the
 * left. rows: an array of cells each.
 */
function plainBox(title, columns, rows) {
	const head = ([label, names = ""]) =>
		el("th", { scope: "col", class: names.includes("text") ? "text" : "" }, label);
	return el(
		"div",
		{ class: "box scroll-x", style: { marginTop: "12px" } },
		el("h2", {}, title),
		el(
			"table",
			{ class: "plain" },
			el("thead", {}, el("tr", {}, columns.map(head))),
			el(
				"tbody",
				{},
				rows.map((cells) =>
					el(
						"tr",
						{},
						cells.map((cell, i) => el("td", { class: columns[i][1] || "" }, cell)),
					),
				),
			),
		),
	);
}
