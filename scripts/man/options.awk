# Help of the analyzer as man macros. An option's line is "  -n, --name ARG   text", its continuations are
# indented to the text; blank lines part paragraphs; "examples:" and what follows stands as it is.
function esc(s) { gsub(/\\/, "\\e", s); gsub(/-/, "\\-", s); sub(/^[.']/, "\\\\\\&&", s); return s }
function flush() { if (text != "") print esc(text); text = "" }
/^usage: / { sub(/^usage: /, ""); print ".PP\n.B " esc($0); next }
/^options:$/ { flush(); next }
/^examples:$/ { flush(); print ".PP\nExamples:\n.PP\n.EX"; examples = 1; next }
examples { print esc($0); next }
/^ *(-[a-z], )?--[a-z]/ {
	flush()
	match($0, /--[a-z][a-z-]*( [A-Z][^ ]*| [a-z]+\|[a-z|]+)?/)
	name = substr($0, 1, RSTART + RLENGTH - 1)
	text = substr($0, RSTART + RLENGTH)
	sub(/^ */, "", name); sub(/^ */, "", text)
	print ".TP\n.B " esc(name)
	next
}
/^ / { sub(/^ */, ""); text = text (text == "" ? "" : " ") $0; next }
/^$/ { flush(); print ".PP"; next }
{ flush(); print esc($0) }
END { flush(); if (examples) print ".EE" }
