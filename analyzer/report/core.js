/* core.js - the data, elements made of text alone, figures for people, and what all views share. */

const data = JSON.parse(document.getElementById("data").textContent);
const hasBase = !!data.base;

/* Names are other people's: no control characters, and nothing that turns the direction of text. */
const hostile = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
function clean(text) {
	return String(text).replace(hostile, "\ufffd");
}

const SVG = "http://www.w3.org/2000/svg";
function fill(element, attributes, children) {
	for (const [name, value] of Object.entries(attributes || {})) {
		if (value === null || value === undefined || value === false) continue;
		if (name === "on")
			for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
		else if (name === "style") Object.assign(element.style, value);
		else element.setAttribute(name, value === true ? "" : clean(value));
	}
	for (const child of children.flat(Infinity))
		if (child !== null && child !== undefined && child !== false)
			element.append(child instanceof Node ? child : document.createTextNode(clean(child)));
	return element;
}
/* el("p", {class: "dim"}, "text", element, ...): strings become text, never HTML. */
function el(tag, attributes, ...children) {
	return fill(document.createElement(tag), attributes, children);
}
function svg(tag, attributes, ...children) {
	return fill(document.createElementNS(SVG, tag), attributes, children);
}
function byId(id) {
	return document.getElementById(id);
}
function say(text) {
	byId("status").textContent = clean(text);
}

/* ---- figures ---- */

function scaled(n, units, step) {
	let size = Math.abs(n),
		unit = 0;
	while (size >= step * 0.99995 && unit < units.length - 1) {
		size /= step;
		unit++;
	}
	const text = unit === 0 ? String(Math.round(size)) : size.toFixed(1);
	return (n < 0 ? "\u2212" : "") + text + units[unit];
}
function bytes(n) {
	return scaled(n, ["\u00a0B", "\u00a0kB", "\u00a0MB", "\u00a0GB", "\u00a0TB", "\u00a0PB"], 1000);
}
function count(n) {
	return Math.abs(n) < 10000
		? (n < 0 ? "\u2212" : "") + Math.abs(n).toLocaleString("en")
		: scaled(n, ["", "\u00a0k", "\u00a0M", "\u00a0G", "\u00a0T"], 1000);
}
/* "1 block", "2 blocks" */
function plural(n, one) {
	return count(n) + "\u00a0" + one + (n === 1 ? "" : "s");
}
function signed(text, n) {
	return n > 0 ? "+" + text : text;
}
function duration(ns) {
	const s = ns / 1e9;
	if (!ns) return "0\u00a0s";
	if (s < 1e-3) return (ns / 1e3).toFixed(1) + "\u00a0\u00b5s";
	if (s < 1) return (ns / 1e6).toFixed(1) + "\u00a0ms";
	if (s < 60) return s.toFixed(1) + "\u00a0s";
	if (s < 3600) return Math.floor(s / 60) + "\u00a0m\u00a0" + Math.floor(s % 60) + "\u00a0s";
	if (s < 86400) return Math.floor(s / 3600) + "\u00a0h\u00a0" + Math.floor((s % 3600) / 60) + "\u00a0m";
	return Math.floor(s / 86400) + "\u00a0d\u00a0" + Math.floor((s % 86400) / 3600) + "\u00a0h";
}
function percent(part, whole) {
	if (!whole) return "";
	const p = (100 * part) / whole;
	if (!p) return "0\u00a0%";
	return (Math.abs(p) < 10 ? p.toFixed(1) : p.toFixed(0)) + "\u00a0%";
}
function baseName(path) {
	return path.slice(path.lastIndexOf("/") + 1);
}
function when(snapshot) {
	return (snapshot.time || "").slice(0, 19).replace("T", " ") + (snapshot.time ? " UTC" : "");
}

/* ---- what all views share ---- */

const COLUMNS = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"];
const COLUMN_TEXT = ["allocated objects", "allocated space", "in-use objects", "in-use space"];
const isBytes = (column) => column % 2 === 1;
/* A figure of a column. */
function figure(n, column, sign) {
	const text = isBytes(column) ? bytes(n) : count(n);
	return sign ? signed(text, n) : text;
}

/* mode: "difference" (B minus A), "growth" (that where it is more), "now" (B), "base" (A). */
const state = {
	column: hasBase ? 1 : 3,
	mode: hasBase ? "difference" : "now",
	query: "",
	tab: "summary",
};
const watchers = [];
/* watch(f): f(what) is called when "column", "mode", "query", "theme" or "tab" has changed. */
function watch(f) {
	watchers.push(f);
}
function change(what, value) {
	state[what] = value;
	for (const f of watchers) f(what);
}
