/* stack.js - one stack, and what is known of a row, for the panel beside a table. */

/* A list of the frames of a node, innermost first. */
function stackList(node) {
	const list = el("ol", { class: "stack" });
	framesOf(node).forEach((f, i) => {
		const source = findSource(f);
		const name = source
			? el(
					"button",
					{
						class: "link",
						type: "button",
						title: "its source",
						on: { click: () => openSource(source, data.frame_line[f]) },
					},
					el("b", {}, frameName(f)),
				)
			: el("b", {}, frameName(f));
		const place = [framePlace(f), frameModule(f)].filter(Boolean).join(" \u00b7 ");
		list.append(
			el(
				"li",
				{
					class:
						(i === 0 ? "site " : "") +
						(search.frame && search.frame[f] ? "match" : ""),
					title: text(data.frame_file[f]) || text(data.frame_module[f]),
				},
				name,
				place && el("span", { class: "where" }, place),
			),
		);
	});
	if (!list.firstChild) list.append(el("li", {}, "no stack is known"));
	return list;
}

function fact(list, name, value) {
	if (value !== null && value !== undefined && value !== "")
		list.append(el("dt", {}, name), el("dd", {}, value));
}

function rowDetail(row) {
	const list = el("dl", {});
	for (const c of [1, 3, 0, 2]) {
		const now = row.base[c] + row.value[c];
		fact(
			list,
			COLUMN_TEXT[c],
			hasBase
				? figure(row.base[c], c) +
						" \u2192 " +
						figure(now, c) +
						" (" +
						figure(row.value[c], c, true) +
						")"
				: figure(row.value[c], c),
		);
	}
	if (row.error)
		fact(
			list,
			"sampled",
			"\u00b1\u00a0" + figure(row.error[state.column], state.column) + " standard error",
		);
	if (row.verdict) fact(list, "reach", row.reach || row.verdict);
	const share = freedShare(row);
	fact(
		list,
		"freed",
		share === null ? "" : percent(share, 1) + (row.frees ? " in " + count(row.frees) + " frees" : ""),
	);
	if (row.sizeMax)
		fact(
			list,
			"sizes",
			row.sizeMin === row.sizeMax
				? "all of " + bytes(row.sizeMax)
				: bytes(row.sizeMin) + " to " + bytes(row.sizeMax),
		);
	if (row.temporary)
		fact(list, "temporary", count(row.temporary) + " freed before the thread's next allocation");
	if (row.life[0] >= 0)
		fact(
			list,
			"freed after",
			"at most " +
				duration(row.life[0]) +
				" (half), " +
				duration(row.life[1]) +
				" (99 %), " +
				duration(row.life[2]),
		);
	if (row.age[0] >= 0)
		fact(
			list,
			hasBase && data.base.same_run ? "new, alive for" : "alive for",
			row.age[0] === row.age[1]
				? "at least " + duration(row.age[0])
				: "at least " + duration(row.age[0]) + " (half), oldest " + duration(row.age[1]),
		);
	if (row.churn) fact(list, "churn", "given back, or held only for what is in flight");
	return el("div", {}, list, el("h3", {}, "Stack, innermost first"), stackList(siteOf(row)));
}
