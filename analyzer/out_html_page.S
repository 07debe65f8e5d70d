/*
 * out_html_page.S - the files that a report is made of (analyzer/report), as texts ended by NUL for
 * out_html.c. The scripts are one text, in this order.
 */
	.section .rodata

	.global page_html
	.type page_html, @object
page_html:
	.incbin "analyzer/report/report.html"
	.byte 0
	.size page_html, . - page_html

	.global page_css
	.type page_css, @object
page_css:
	.incbin "analyzer/report/report.css"
	.byte 0
	.size page_css, . - page_css

	.global page_js
	.type page_js, @object
page_js:
	.incbin "analyzer/report/core.js"
	.incbin "analyzer/report/model.js"
	.incbin "analyzer/report/table.js"
	.incbin "analyzer/report/stack.js"
	.incbin "analyzer/report/summary.js"
	.incbin "analyzer/report/growth.js"
	.incbin "analyzer/report/tree.js"
	.incbin "analyzer/report/flame.js"
	.incbin "analyzer/report/source.js"
	.incbin "analyzer/report/timeline.js"
	.incbin "analyzer/report/kinds.js"
	.incbin "analyzer/report/waits.js"
	.incbin "analyzer/report/threads.js"
	.incbin "analyzer/report/audit.js"
	.incbin "analyzer/report/main.js"
	.byte 0
	.size page_js, . - page_js

	.section .note.GNU-stack, "", @progbits
