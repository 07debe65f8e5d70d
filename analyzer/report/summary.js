/* summary.js - the four kinds at a glance, and the first rows of each. */

/* A line of a figure over the snapshots, with neither axes nor words. */
function spark(key, color) {
	const points = data.moments.filter((m) => m[key] !== null);
	if (points.length < 3) return null;
	const from = points[0].uptime_ns,
		span = points[points.length - 1].uptime_ns - from || 1,
		most = Math.max(1, ...points.map((m) => m[key]));
	const d = points
		.map(
			(m, i) =>
				(i ? "L" : "M") +
				((200 * (m.uptime_ns - from)) / span).toFixed(1) +
				" " +
				(29 - (27 * m[key]) / most).toFixed(1),
		)
		.join("");
	return svg(
		"svg",
		{
			viewBox: "0 0 200 30",
			width: "100%",
			height: "34",
			preserveAspectRatio: "none",
			"aria-hidden": "true",
		},
		svg("path", { d: d + "L200 30L0 30Z", style: { fill: color, opacity: 0.13 } }),
		svg("path", {
			d,
			style: { fill: "none", stroke: color, strokeWidth: 1.6 },
			"vector-effect": "non-scaling-stroke",
		}),
	);
}

function card(title, now, before, show, more, sparkline, tab) {
	const delta = before === null || before === undefined ? null : now - before;
	return el(
		"div",
		{ class: "card" },
		el(
			"h3",
			{},
			el("button", { class: "link", type: "button", on: { click: () => showTab(tab) } }, title),
		),
		el("div", { class: "big" }, show(now)),
		delta === null
			? null
			: el(
					"div",
					{ class: "delta " + (delta > 0 ? "up" : delta < 0 ? "down" : "dim") },
					delta ? signed(show(delta), delta) + " since " + show(before) : "as before",
				),
		more ? el("p", {}, more) : null,
		sparkline,
	);
}
function leaksText(sum) {
	return [
		sum.leaks ? count(sum.leaks) + (sum.leaks === 1 ? " is a leak" : " are leaks") : "",
		sum.gone ? count(sum.gone) + (sum.gone === 1 ? " is gone" : " are gone") : "",
	]
		.filter(Boolean)
		.join("; ");
}

/* What a scan has found, if there was one. */
function reachText() {
	const r = data.reach;
	if (!r) return "";
	if (r.state !== "done" || !r.lost) return "no scan of what can be reached" + (r.why ? ": " + r.why : "");
	return r.lost.objects
		? bytes(r.lost.space) + " in " + plural(r.lost.objects, "block") + " lost for certain"
		: "nothing lost";
}

function cards() {
	const heap = data.totals.heap,
		mmap = data.totals.mmap,
		base = hasBase ? data.base.totals : null;
	const inuse = (part, key) => part[key] + (base ? base[part === heap ? "heap" : "mmap"][key] : 0);
	const list = [
		card(
			"Heap, in use",
			inuse(heap, "inuse_space"),
			base && base.heap.inuse_space,
			bytes,
			plural(inuse(heap, "inuse_objects"), "block") +
				"; " +
				bytes(heap.alloc_space) +
				" allocated " +
				(hasBase && data.base.same_run ? "in between" : "in all") +
				(data.reach ? "; " + reachText() : ""),
			spark("live_bytes", "var(--chart-a)"),
			"growth",
		),
		card(
			"Threads",
			data.threads_sum.count,
			data.threads_sum.base,
			count,
			leaksText(data.threads_sum),
			spark("threads", "var(--chart-c)"),
			"threads",
		),
		card(
			"Descriptors",
			data.fds_sum.count,
			data.fds_sum.base,
			count,
			leaksText(data.fds_sum),
			spark("fds", "var(--chart-d)"),
			"fds",
		),
		card(
			"Timers",
			data.timers_sum.count,
			data.timers_sum.base,
			count,
			leaksText(data.timers_sum),
			null,
			"timers",
		),
	];
	if (inuse(mmap, "inuse_space") || mmap.alloc_space)
		list.splice(
			1,
			0,
			card(
				"Mappings, in use",
				inuse(mmap, "inuse_space"),
				base && base.mmap.inuse_space,
				bytes,
				plural(inuse(mmap, "inuse_objects"), "mapping"),
				null,
				"growth",
			),
		);
	if (data.audit.rss !== null)
		list.push(
			card(
				"Resident (RSS)",
				data.audit.rss,
				hasBase && data.base.same_run ? data.base.audit.rss : null,
				bytes,
				data.audit.rss_peak ? "highest " + bytes(data.audit.rss_peak) : "",
				spark("rss", "var(--chart-b)"),
				"timeline",
			),
		);
	return el("div", { class: "cards" }, list);
}

function ranked(title, items, none) {
	const most = Math.max(1, ...items.map((i) => Math.abs(i.n)));
	return el(
		"div",
		{ class: "box" },
		el("h2", {}, title),
		items.length
			? el(
					"ol",
					{ class: "ranking" },
					items.map((i) =>
						el(
							"li",
							{},
							el("span", { class: "n " + (i.class || "") }, i.text),
							el(
								"span",
								{},
								el(
									"button",
									{
										class: "link mono",
										type: "button",
										on: { click: i.open },
									},
									i.name,
								),
								" ",
								i.tag || "",
								el("span", { class: "where" }, " " + i.where),
							),
							i.meter === false
								? null
								: el(
										"span",
										{ class: "meter" },
										el("i", {
											class: i.class || "",
											style: {
												width:
													(100 *
														Math.abs(
															i.n,
														)) /
														most +
													"%",
											},
										}),
									),
						),
					),
				)
			: el("p", { class: "dim" }, none),
	);
}

function topSites() {
	const c = state.column,
		mode = state.mode;
	const list = rows
		.filter((r) => !(r.churn && isDifference()) && valueOf(r, c, mode) > 0)
		.sort((a, b) => valueOf(b, c, mode) - valueOf(a, c, mode))
		.slice(0, 10);
	return list.map((r) => ({
		n: valueOf(r, c, mode),
		text: figure(valueOf(r, c, mode), c, isDifference()),
		class: isDifference() ? "up" : "",
		name: frameName(nodeFrame[siteOf(r)]),
		where: [framePlace(nodeFrame[siteOf(r)]), callersOf(siteOf(r)) && "\u2190 " + callersOf(siteOf(r))]
			.filter(Boolean)
			.join("  "),
		tag: r.mapped ? el("span", { class: "tag" }, "mmap") : "",
		open: () => {
			showTab("growth");
			growth.by = "stack";
			growth.table.select(growth.table.sorted.indexOf(r));
		},
	}));
}
function topGroups(groups, tab, words) {
	return groups
		.filter((g) => g.growth || (g.leak && !g.known))
		.slice(0, 6)
		.map((g) => ({
			n: g.growth || g.count,
			text: g.growth ? "+" + count(g.growth) : count(g.count),
			class: g.growth || g.leak ? "up" : "",
			meter: false,
			name: siteName(g) || "(no stack)",
			where: words(g),
			tag: leakTag(g),
			open: () => showTab(tab),
		}));
}

function summaryView() {
	const boxes = el("div", { class: "columns" });
	const update = () =>
		boxes.replaceChildren(
			ranked(
				isDifference()
					? "What grew: " + COLUMN_TEXT[state.column]
					: "Most " + COLUMN_TEXT[state.column],
				topSites(),
				"nothing",
			),
			el(
				"div",
				{},
				[
					[
						"Threads",
						data.threads,
						"threads",
						(g) => (g.start ? "runs " + text(g.start) : ""),
					],
					[
						"Descriptors",
						data.fds,
						"fds",
						(g) =>
							g.type +
							(g.items.length &&
							text(g.items[0][1]) &&
							g.before === undefined
								? " " +
									text(g.items[0][1]) +
									(g.items.length > 1 ? ", ..." : "")
								: ""),
					],
					["Timers", data.timers, "timers", (g) => g.type],
				].map(([title, groups, tab, words], i) => {
					const box = ranked(
						title + (hasBase ? ": new, or leaks" : ": leaks"),
						topGroups(groups, tab, words),
						hasBase
							? "nothing new"
							: data.settings.final
								? "none left over"
								: "no leak that can be told while it runs",
					);
					if (i) box.style.marginTop = "12px";
					return box;
				}),
			),
		);
	watch((what) => {
		if (what === "column" || what === "mode") update();
	});
	update();
	const section = el("section", {}, cards(), boxes);
	const nChurn = rows.filter((r) => r.churn).length;
	if (nChurn)
		section.append(
			el(
				"p",
				{ class: "dim", style: { marginTop: "12px" } },
				"churn: " +
					count(nChurn) +
					" stacks gave back what they allocated, or hold it only for what is in flight; the growth table shows them on request.",
			),
		);
	for (const hint of data.hints)
		section.append(el("p", { class: "dim", style: { marginTop: "6px" } }, "hint: " + hint));
	return { element: section, shown: () => {} };
}
