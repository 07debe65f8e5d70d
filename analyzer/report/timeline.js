/* timeline.js - how the process's figures went over its snapshots. */

/* Round steps that cut [0, most] into a few parts; of bytes and counts. */
function ticks(most, n) {
	if (!(most > 0)) return [0];
	const rough = most / n,
		power = Math.pow(10, Math.floor(Math.log10(rough)));
	const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough) || 10 * power;
	const list = [];
	for (let v = 0; v <= most * 1.0001; v += step) list.push(v);
	return list;
}
const TIME_STEPS = [
	1e6, 2e6, 5e6, 1e7, 2e7, 5e7, 1e8, 2e8, 5e8, 1e9, 2e9, 5e9, 1e10, 15e9, 3e10, 6e10, 12e10, 3e11, 6e11, 9e11,
	18e11, 36e11, 72e11, 144e11, 216e11, 432e11, 864e11,
];
function timeTicks(from, to) {
	const step = TIME_STEPS.find((s) => (to - from) / s <= 6) || Math.ceil((to - from) / 6 / 864e11) * 864e11;
	const list = [];
	for (let t = Math.ceil(from / step) * step; t <= to; t += step) list.push(t);
	return list;
}

/* A chart: series [{name, key, color}], shown by `show`. Moments without a figure are left out. */
function chart(title, series, show) {
	const W = 560,
		H = 210,
		left = 66,
		right = 12,
		top = 10,
		bottom = 24;
	const moments = data.moments,
		from = moments[0].uptime_ns,
		to = moments[moments.length - 1].uptime_ns;
	const known = series.filter((s) => moments.some((m) => m[s.key] !== null));
	const most = Math.max(1, ...known.map((s) => Math.max(...moments.map((m) => m[s.key] || 0))));
	const x = (t) => left + (W - left - right) * (to > from ? (t - from) / (to - from) : 0.5);
	const marks = ticks(most, 4),
		ceiling = Math.max(most, marks[marks.length - 1]) * 1.04;
	const y = (v) => top + (H - top - bottom) * (1 - v / ceiling);
	const drawing = svg("svg", {
		viewBox: `0 0 ${W} ${H}`,
		width: "100%",
		role: "img",
		"aria-label":
			title +
			": " +
			known
				.map(
					(s) =>
						s.name +
						" from " +
						show(moments[0][s.key] || 0) +
						" to " +
						show(moments[moments.length - 1][s.key] || 0),
				)
				.join("; "),
	});
	for (const v of marks)
		drawing.append(
			svg("line", { class: "axis", x1: left, x2: W - right, y1: y(v), y2: y(v) }),
			svg("text", { x: left - 7, y: y(v) + 4, "text-anchor": "end" }, show(v)),
		);
	for (const t of timeTicks(from, to))
		drawing.append(svg("text", { x: x(t), y: H - 7, "text-anchor": "middle" }, duration(t)));
	for (const s of known) {
		const points = moments.filter((m) => m[s.key] !== null).map((m) => [x(m.uptime_ns), y(m[s.key]), m]);
		const line = points.map((p, i) => (i ? "L" : "M") + p[0].toFixed(1) + " " + p[1].toFixed(1)).join("");
		drawing.append(
			svg("path", {
				class: "area",
				style: { fill: s.color, stroke: "none" },
				d:
					line +
					`L${points[points.length - 1][0].toFixed(1)} ${y(0)}L${points[0][0].toFixed(1)} ${y(0)}Z`,
			}),
			svg("path", { style: { stroke: s.color }, d: line }),
		);
		if (points.length <= 200)
			for (const [px, py, m] of points)
				drawing.append(
					svg(
						"circle",
						{
							cx: px.toFixed(1),
							cy: py.toFixed(1),
							r: 3.2,
							style: { fill: s.color },
						},
						svg(
							"title",
							{},
							s.name +
								": " +
								show(m[s.key]) +
								"\n" +
								duration(m.uptime_ns) +
								" after the start, snapshot " +
								m.sequence +
								(m.label ? " \u201c" + m.label + "\u201d" : ""),
						),
					),
				);
	}
	return el(
		"div",
		{ class: "box chart" },
		el("h2", {}, title),
		el(
			"p",
			{ class: "keys" },
			known.map((s) => el("span", {}, el("i", { style: { background: s.color } }), s.name)),
		),
		drawing,
	);
}

function momentTable() {
	const known = (n, show) => (n === null ? "" : show(n));
	return plainBox(
		"Snapshots",
		[
			["snapshot"],
			["after the start"],
			["why", "text"],
			["RSS"],
			["live"],
			["blocks"],
			["allocated so far"],
			["threads"],
			["descriptors"],
			["timers"],
		],
		data.moments.map((m) => [
			m.sequence,
			duration(m.uptime_ns),
			(m.reason || "") + (m.label ? " \u201c" + m.label + "\u201d" : ""),
			known(m.rss, bytes),
			known(m.live_bytes, bytes),
			known(m.live_blocks, count),
			known(m.allocated_bytes, bytes),
			known(m.threads, count),
			known(m.fds, count),
			known(m.timers, count),
		]),
	);
}

function timelineView() {
	const section = el("section", {});
	if (data.moments.length > 1)
		section.append(
			el(
				"div",
				{ class: "charts" },
				chart(
					"Memory",
					[
						{ name: "resident (RSS)", key: "rss", color: "var(--chart-b)" },
						{ name: "live bytes", key: "live_bytes", color: "var(--chart-a)" },
					],
					bytes,
				),
				chart(
					"Threads and descriptors",
					[
						{ name: "threads", key: "threads", color: "var(--chart-c)" },
						{ name: "descriptors", key: "fds", color: "var(--chart-d)" },
						{ name: "timers", key: "timers", color: "var(--chart-b)" },
					],
					(n) => count(Math.round(n * 10) / 10),
				),
				chart(
					"Allocated so far",
					[{ name: "allocated space", key: "allocated_bytes", color: "var(--chart-a)" }],
					bytes,
				),
				chart(
					"Live blocks",
					[{ name: "in-use objects", key: "live_blocks", color: "var(--chart-c)" }],
					count,
				),
			),
		);
	else
		section.append(
			el(
				"p",
				{ class: "empty" },
				"One snapshot is one point. Name several of a process (outlive report *.snap), and lines stand here.",
			),
		);
	if (data.other_snapshots)
		section.append(
			el(
				"p",
				{ class: "dim" },
				plural(data.other_snapshots, "snapshot") + " of other processes left out.",
			),
		);
	section.append(momentTable());
	return { element: section, shown: () => {} };
}
