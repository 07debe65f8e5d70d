/*
 * flame.js - flame graph and icicle on a canvas: only boxes that can be seen are laid out, so that trees of any size
 * stay quick. Zoomed by click or Enter, walked by the arrow keys.
 */

const BOX = 19,
	MAX_ROWS = 1600,
	LEAST_PIXELS = 0.6,
	PAPER = 1000,
	LEAST_ON_PAPER = 9,
	ROWS_ON_PAPER = 34;
const flame = {
	icicle: false,
	by: "function",
	churn: false,
	zoom: 0,
	at: 0,
	boxes: [],
	canvas: null,
};

/* ---- colours ---- */

function hash(s) {
	let h = 2166136261;
	for (let i = 0; i < s.length; i++) h = Math.imul(h ^ s.charCodeAt(i), 16777619);
	return h >>> 0;
}
const isDark = () => !flame.printing && document.documentElement.dataset.theme === "dark";
const fills = new Map();
/* Warm hues for the program itself, others for its libraries; within them functions differ a little. */
const LIBRARY_HUES = [52, 165, 195, 222, 268, 325, 88];
const program = baseName(data.snapshot.exe || "");
function plainColor(frame) {
	const key = frame + (isDark() ? "d" : "l");
	let color = fills.get(key);
	if (!color) {
		const module = frameModule(frame),
			h = hash(frameName(frame));
		const hue = !module || module === program ? 26 : LIBRARY_HUES[hash(module) % LIBRARY_HUES.length];
		const spread = module && module !== program ? (h % 19) - 9 : (h % 37) - 18;
		color = isDark()
			? `hsl(${hue + spread} 46% ${33 + (h % 8)}%)`
			: `hsl(${hue + spread} 78% ${74 + (h % 9)}%)`;
		fills.set(key, color);
	}
	return color;
}
/* Red where it grows, blue where it shrinks, the paler the smaller its share of the larger side. */
function differenceColor(now, base) {
	const larger = Math.max(now, base),
		share = larger ? (now - base) / larger : 0;
	const strength = Math.sqrt(Math.abs(share));
	if (Math.abs(share) < 0.001) return isDark() ? "#39424b" : "#dfe3e6";
	const hue = share > 0 ? 4 : 213;
	return isDark()
		? `hsl(${hue} ${15 + 45 * strength}% ${27 + 12 * strength}%)`
		: `hsl(${hue} ${20 + 60 * strength}% ${88 - 26 * strength}%)`;
}
function boxColor(node) {
	const v = flame.values;
	return state.mode === "difference"
		? differenceColor(v.now[node], v.base[node])
		: plainColor(flame.tree.frame[node]);
}

/* ---- layout: boxes that can be seen ---- */

function childrenOf(node) {
	const list = [],
		t = flame.tree;
	for (let c = t.child[node]; c; c = t.next[c]) if (flame.values.width[c] > 0) list.push(c);
	return list.sort((a, b) => flame.values.width[b] - flame.values.width[a] || a - b);
}

function layOut(width) {
	const t = flame.tree,
		v = flame.values,
		boxes = [];
	const above = [];
	for (let node = flame.zoom; node; node = t.parent[node]) above.push(node);
	above.push(0);
	above.reverse();
	above.forEach((node, level) => boxes.push({ node, level, x: 0, w: width, faded: node !== flame.zoom }));
	const whole = v.width[flame.zoom],
		work = [[flame.zoom, above.length, 0]];
	const scale = whole > 0 ? width / whole : 0;
	while (work.length) {
		const [node, level, x] = work.pop();
		let at = x;
		if (level >= (flame.printing ? ROWS_ON_PAPER : MAX_ROWS)) continue;
		for (const child of childrenOf(node)) {
			const w = v.width[child] * scale;
			if (w < (flame.printing ? LEAST_ON_PAPER : LEAST_PIXELS)) break;
			boxes.push({ node: child, level, x: at, w });
			work.push([child, level + 1, at]);
			at += w;
		}
	}
	return boxes;
}

/* ---- drawing ---- */

function boxName(node) {
	if (!node) return "all of " + COLUMN_TEXT[state.column];
	return flame.by === "module"
		? frameModule(flame.tree.frame[node]) || "(none)"
		: frameName(flame.tree.frame[node]);
}

function drawFlame() {
	const canvas = flame.canvas,
		width = flame.printing ? PAPER : canvas.parentElement.clientWidth;
	if (!width) return;
	flame.boxes = layOut(width);
	flame.levels = flame.boxes.reduce((most, b) => Math.max(most, b.level + 1), 1);
	const height = Math.max(flame.levels * BOX, flame.printing ? 0 : canvas.parentElement.clientHeight - 2);
	const ratio = Math.min(flame.printing ? 2 : window.devicePixelRatio || 1, 16000 / height);
	canvas.width = Math.round(width * ratio);
	canvas.height = Math.round(height * ratio);
	canvas.style.height = height + "px";
	flame.height = height;
	const g = canvas.getContext("2d"),
		style = getComputedStyle(document.documentElement);
	g.setTransform(ratio, 0, 0, ratio, 0, 0);
	g.clearRect(0, 0, width, height);
	g.font = "11.5px " + style.getPropertyValue("--mono");
	g.textBaseline = "middle";
	const letter = g.measureText("mmmmmmmmmm").width / 10;
	const colors = {
		text: isDark() ? "#f3f5f6" : "#1c1410",
		match: style.getPropertyValue("--match"),
		accent: style.getPropertyValue("--accent"),
	};
	for (const box of flame.boxes) drawBox(g, box, letter, colors);
}

function boxTop(box) {
	return flame.icicle || flame.printing ? box.level * BOX : flame.height - (box.level + 1) * BOX;
}
function isMatch(node) {
	return (
		search.frame &&
		node &&
		(flame.by === "module" ? search.test(boxName(node)) : search.frame[flame.tree.frame[node]])
	);
}

function drawBox(g, box, letter, colors) {
	const y = boxTop(box),
		w = Math.max(box.w - (box.w > 3 ? 0.6 : 0), 0.4);
	const match = isMatch(box.node);
	g.globalAlpha = box.faded ? 0.55 : search.frame && !match && box.node ? 0.55 : 1;
	g.fillStyle = box.node ? (match ? colors.match : boxColor(box.node)) : isDark() ? "#39424b" : "#dfe3e6";
	g.fillRect(box.x, y + 0.5, w, BOX - 1);
	const room = Math.floor((w - 6) / letter);
	if (room >= 2) {
		const name = clean(boxName(box.node));
		g.fillStyle = match ? (isDark() ? "#1c0417" : "#ffffff") : colors.text;
		g.fillText(
			name.length <= room ? name : name.slice(0, room - 1) + "\u2026",
			box.x + 3,
			y + BOX / 2 + 0.5,
		);
	}
	g.globalAlpha = 1;
	if (box.node === flame.at && flame.active) {
		g.strokeStyle = colors.accent;
		g.lineWidth = 2;
		g.strokeRect(box.x + 1, y + 1.5, Math.max(w - 2, 1), BOX - 3);
	}
}

/* ---- what is told of a box ---- */

function tellBox(node) {
	const v = flame.values,
		c = state.column,
		all = v.width[0];
	const parts = [];
	if (state.mode === "difference") {
		const d = v.now[node] - v.base[node];
		parts.push(
			figure(v.base[node], c) + " \u2192 " + figure(v.now[node], c),
			el("b", { class: d > 0 ? "up" : d < 0 ? "down" : "" }, " (" + figure(d, c, true) + ")"),
		);
	} else {
		parts.push(
			el(
				"b",
				{},
				figure(
					state.mode === "growth" ? v.width[node] : v.width[node],
					c,
					state.mode === "growth",
				),
			),
			", " + percent(v.width[node], all) + " of all",
		);
		if (node && flame.zoom)
			parts.push(", " + percent(v.width[node], v.width[flame.zoom]) + " of what is zoomed");
	}
	if (v.self[node] && state.mode !== "difference") parts.push("; in itself " + figure(v.self[node], c));
	const frame = flame.tree.frame[node];
	const place =
		node && flame.by !== "module"
			? [framePlace(frame).replace(/:\d+$/, ""), frameModule(frame)].filter(Boolean).join(" \u00b7 ")
			: "";
	flame.told.replaceChildren(
		el("span", { class: "mono" }, boxName(node)),
		" \u2014 ",
		...parts,
		place ? el("span", { class: "dim" }, "  " + place) : "",
	);
	return flame.told.textContent;
}

function matchedShare() {
	if (!search.frame) return "";
	const t = flame.tree,
		v = flame.values,
		under = new Uint8Array(t.n);
	let sum = 0;
	for (let i = 1; i < t.n; i++) {
		under[i] = under[t.parent[i]];
		if (!under[i] && isMatch(i)) {
			under[i] = 1;
			sum += v.width[i];
		}
	}
	return "matched: " + figure(sum, state.column) + ", " + (percent(sum, v.width[0]) || "0 %");
}

/* ---- hands ---- */

function boxAt(event) {
	const at = flame.canvas.getBoundingClientRect(),
		x = event.clientX - at.left,
		y = event.clientY - at.top;
	return flame.boxes.find(
		(b) => x >= b.x && x < b.x + Math.max(b.w, 1) && y >= boxTop(b) && y < boxTop(b) + BOX,
	);
}
function zoomTo(node) {
	flame.zoom = node;
	flame.at = node;
	flame.reset.disabled = !node;
	drawFlame();
	say((node ? "zoomed to " : "all: ") + tellBox(node));
}
function goTo(node) {
	flame.at = node;
	drawFlame();
	const box = flame.boxes.find((b) => b.node === node);
	if (box) {
		const frame = flame.canvas.parentElement,
			y = boxTop(box);
		if (y < frame.scrollTop) frame.scrollTop = y;
		else if (y + BOX > frame.scrollTop + frame.clientHeight)
			frame.scrollTop = y + BOX - frame.clientHeight;
	}
	say(tellBox(node));
}
function flameKey(event) {
	const t = flame.tree,
		drawn = new Set(flame.boxes.map((b) => b.node));
	const inward = flame.icicle ? "ArrowDown" : "ArrowUp",
		outward = flame.icicle ? "ArrowUp" : "ArrowDown";
	const siblings = flame.at ? childrenOf(t.parent[flame.at]).filter((n) => drawn.has(n)) : [];
	const place = siblings.indexOf(flame.at);
	let to = -1;
	if (event.key === inward) to = childrenOf(flame.at).find((n) => drawn.has(n)) || -1;
	else if (event.key === outward) to = flame.at ? t.parent[flame.at] : -1;
	else if (event.key === "ArrowLeft" || event.key === "ArrowRight")
		to = siblings[place + (event.key === "ArrowLeft" ? -1 : 1)] || -1;
	else if (event.key === "Enter" || event.key === " ") return (event.preventDefault(), zoomTo(flame.at));
	else if (event.key === "Escape" || event.key === "Backspace")
		return zoomTo(event.key === "Escape" || !flame.zoom ? 0 : t.parent[flame.zoom]);
	else if (event.key === "s" && flame.at && findSource(t.frame[flame.at]))
		return openSource(findSource(t.frame[flame.at]));
	else return;
	event.preventDefault();
	if (to >= 0) goTo(to);
}

function recompute() {
	flame.tree = treeBy(flame.by);
	flame.values = treeValues(flame.tree, state.column, state.mode, flame.churn || !isDifference());
	if (flame.zoom >= flame.tree.n || !(flame.values.width[flame.zoom] > 0)) flame.zoom = 0;
	flame.at = flame.zoom;
	flame.reset.disabled = !flame.zoom;
}
/* When it is in sight again, and what it shows has changed. */
function refreshFlame(scroll) {
	flame.matched.textContent = "";
	recompute();
	drawFlame();
	if (scroll) flame.canvas.parentElement.scrollTop = flame.icicle ? 0 : flame.height;
	tellBox(flame.zoom);
	flame.matched.textContent = matchedShare();
}

function flameView() {
	flame.canvas = el("canvas", {
		tabindex: "0",
		role: "application",
		"aria-roledescription": "flame graph",
		"aria-label":
			"Flame graph. Arrow keys walk between functions, Enter zooms, Escape shows all, s shows the source. The growth table has the same figures as text.",
		on: {
			keydown: flameKey,
			focus: () => {
				flame.active = true;
				drawFlame();
			},
			blur: () => {
				flame.active = false;
				drawFlame();
			},
			mousemove: (e) => {
				const b = boxAt(e);
				flame.canvas.style.cursor = b ? "pointer" : "";
				if (b) tellBox(b.node);
			},
			mouseleave: () => tellBox(flame.zoom),
			click: (e) => {
				const b = boxAt(e);
				if (b) zoomTo(b.node);
			},
		},
	});
	flame.told = el("div", { class: "told" });
	flame.matched = el("span", { class: "match-text" });
	flame.reset = el("button", { type: "button", disabled: true, on: { click: () => zoomTo(0) } }, "Reset zoom");
	const tools = el(
		"div",
		{ class: "bar-tools" },
		choice("Orientation", ["flame", "icicle"], "flame", (v) => {
			flame.icicle = v === "icicle";
			refreshFlame(true);
		}),
		choice("A box is a", ["function", "line", "module"], "function", (v) => {
			flame.by = v;
			flame.zoom = 0;
			refreshFlame(true);
		}),
		flame.reset,
		rows.some((r) => r.churn)
			? el(
					"label",
					{},
					el("input", {
						type: "checkbox",
						on: {
							change: (e) => {
								flame.churn = e.target.checked;
								refreshFlame();
							},
						},
					}),
					" churn, too",
				)
			: null,
		flame.matched,
	);
	const legend = el(
		"span",
		{ class: "legend", hidden: state.mode !== "difference" },
		"shrinks",
		el("i", { class: "difference" }),
		"grows; width: the larger side",
	);
	tools.append(legend);
	const view = {
		element: el(
			"section",
			{ class: "fit" },
			tools,
			el("div", { class: "flame" }, flame.canvas),
			flame.told,
		),
		shown: () => refreshFlame(true),
	};
	watch((what) => {
		legend.hidden = state.mode !== "difference";
		if (what !== "tab" && state.tab === "flame") refreshFlame();
	});
	addEventListener("resize", () => state.tab === "flame" && drawFlame());
	addEventListener("beforeprint", () => {
		flame.printing = true;
		refreshFlame();
	});
	addEventListener("afterprint", () => {
		flame.printing = false;
		refreshFlame(true);
	});
	return view;
}
