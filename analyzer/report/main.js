/* main.js - puts the views together: tabs, what all of them share, light and dark. */

const views = [
	["summary", "Summary", summaryView],
	["growth", hasBase ? "Growth" : "Heap", growthView],
	["flame", "Flame graph", flameView],
	["source", "Source", sourceTab],
	["timeline", "Time line", timelineView],
	["threads", "Threads", threadsView],
	["fds", "Descriptors", fdsView],
	["timers", "Timers", timersView],
	["audit", "Audit", auditView],
];
const made = {};

function badgeOf(id) {
	const sum = { threads: data.threads_sum, fds: data.fds_sum, timers: data.timers_sum }[id];
	if (id === "audit" && matters) return el("span", { class: "badge bad" }, "!");
	if (!sum) return null;
	return el(
		"span",
		{ class: "badge" + (sum.leaks ? " bad" : ""), title: sum.leaks ? sum.leaks + " leaks" : "" },
		count(sum.leaks || sum.count),
	);
}

function showTab(id) {
	if (!made[id]) id = "summary";
	state.tab = id;
	for (const [name] of views) {
		const tab = byId("tab-" + name),
			selected = name === id;
		tab.setAttribute("aria-selected", selected ? "true" : "false");
		tab.tabIndex = selected ? 0 : -1;
		made[name].element.hidden = !selected;
		if (selected) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
	}
	made[id].shown();
	if (location.hash !== "#" + id) history.replaceState(null, "", "#" + id);
	change("tab", id);
}

function makeTabs() {
	for (const [id, label, make] of views) {
		made[id] = make();
		const section = made[id].element;
		section.id = "view-" + id;
		section.setAttribute("role", "tabpanel");
		section.setAttribute("aria-labelledby", "tab-" + id);
		section.hidden = true;
		section.prepend(el("h2", { class: "print-only" }, label));
		byId("main").append(section);
		byId("tabs").append(
			el(
				"button",
				{
					id: "tab-" + id,
					type: "button",
					role: "tab",
					"aria-controls": "view-" + id,
					on: { click: () => showTab(id) },
				},
				label,
				badgeOf(id),
			),
		);
	}
	byId("tabs").addEventListener("keydown", (event) => {
		const ids = views.map((v) => v[0]),
			at = ids.indexOf(state.tab);
		const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: ids.length - 1 }[event.key];
		if (to === undefined) return;
		event.preventDefault();
		const id = ids[(to + ids.length) % ids.length];
		showTab(id);
		byId("tab-" + id).focus();
	});
}

/* ---- what all views share ---- */

function makeControls() {
	const column = byId("column");
	for (const c of [1, 3, 0, 2])
		column.append(el("option", { value: c, selected: c === state.column }, COLUMN_TEXT[c]));
	column.addEventListener("change", () => change("column", Number(column.value)));
	const mode = byId("mode");
	for (const [value, label] of [
		["difference", "the difference"],
		["growth", "growth only"],
		["now", "now"],
		["base", "the base"],
	])
		mode.append(el("option", { value }, label));
	mode.addEventListener("change", () => change("mode", mode.value));
	byId("mode-label").hidden = !hasBase;
	if (!hasBase) byId("mode-label").style.display = "none";
	const input = byId("search");
	let timer = 0;
	const find = () => {
		clearTimeout(timer);
		try {
			runSearch(input.value.trim());
			input.classList.remove("bad");
			input.title = "";
		} catch (problem) {
			input.classList.add("bad");
			input.title = problem.message;
			return;
		}
		change("query", input.value.trim());
	};
	input.addEventListener("input", () => {
		clearTimeout(timer);
		timer = setTimeout(find, 150);
	});
	input.addEventListener("keydown", (event) => {
		if (event.key === "Enter") find();
		if (event.key === "Escape") {
			input.value = "";
			find();
		}
	});
	document.addEventListener("keydown", (event) => {
		const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
		if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
		if (event.key === "/") {
			event.preventDefault();
			input.focus();
			input.select();
		} else if (/^[1-9]$/.test(event.key) && views[event.key - 1]) {
			showTab(views[event.key - 1][0]);
		}
	});
}

const dark = window.matchMedia("(prefers-color-scheme: dark)");
let theme = "auto";
function applyTheme() {
	document.documentElement.dataset.theme = theme === "auto" ? (dark.matches ? "dark" : "light") : theme;
	byId("theme").textContent = { auto: "\u25d0 auto", light: "\u25cb light", dark: "\u25cf dark" }[theme];
	byId("theme").setAttribute("aria-label", "Colours: " + theme);
}
function makeTheme() {
	/* Storage may be refused, for instance to a page opened from a file. */
	try {
		theme = localStorage.getItem("outlive-theme") || "auto";
	} catch (refused) {
		theme = "auto";
	}
	dark.addEventListener("change", () => {
		applyTheme();
		change("theme", theme);
	});
	byId("theme").addEventListener("click", () => {
		theme = {
			auto: dark.matches ? "light" : "dark",
			light: dark.matches ? "dark" : "auto",
			dark: dark.matches ? "auto" : "light",
		}[theme];
		try {
			localStorage.setItem("outlive-theme", theme);
		} catch (refused) {
			say("the choice is not kept");
		}
		applyTheme();
		change("theme", theme);
	});
	applyTheme();
}

function heading() {
	const s = data.snapshot,
		name = (s.command || "(unnamed)") + " (pid " + s.pid + ")";
	byId("title").textContent = clean(name);
	document.title = clean(name + " \u2014 outlive report");
	const since = !hasBase
		? ""
		: data.base.same_run
			? ", against " +
				duration(data.base.since_ns) +
				" before (snapshot " +
				data.base.snapshot.sequence +
				")"
			: ", against another run: " +
				data.base.snapshot.command +
				" (pid " +
				data.base.snapshot.pid +
				")";
	byId("subtitle").textContent = clean(
		"snapshot " + s.sequence + ", " + when(s) + (s.reason ? ", " + s.reason : "") + since,
	);
	const alarm = data.warnings.concat(drifts);
	if (hasBase && data.base.swapped)
		alarm.unshift("warning: the base was taken later, so differences are negative");
	if (matters || alarm.length) {
		byId("alarm").hidden = false;
		byId("alarm").append(
			el(
				"ul",
				{},
				alarm.map((w) => el("li", {}, w)),
			),
		);
	}
}

makeTheme();
heading();
makeControls();
makeTabs();
showTab(location.hash.slice(1) || "summary");
addEventListener("hashchange", () => showTab(location.hash.slice(1)));
document.documentElement.dataset.ready = "yes";
