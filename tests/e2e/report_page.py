"""What report_page.t does in the browser. Prints a line a step: 0 or 1, a tab, the step's name."""
from browser import Browser

FIRST_CELLS = "[...document.querySelectorAll('#view-%s .row[aria-rowindex]')].sort((a, b) => a.ariaRowIndex - b.ariaRowIndex).map((r) => r.children[%d].textContent)"
COLOURS = """(() => { const c = document.querySelector('#view-flame canvas'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
  let red = 0, blue = 0, any = 0; for (let i = 0; i < d.length; i += 4) { if (d[i + 3]) any++; if (d[i] > d[i + 2] + 40) red++; if (d[i + 2] > d[i] + 40) blue++; }
  return [any, red, blue]; })()"""


def check(name, good, *told):
    print("%d\t%s" % (0 if good else 1, name), flush=True)
    if not good:
        print("note\t" + " ".join(repr(t) for t in told)[:900], flush=True)


def tab(page, name):
    page.eval("document.getElementById('tab-%s').click()" % name)


def told(page):
    return page.eval("document.querySelector('.told').textContent")


def search(page, text):
    page.eval("document.getElementById('search').focus(); document.getElementById('search').select()")
    page.text(text)
    page.key("Enter")


def quiet(page, name):
    odd = page.eval("[...document.querySelectorAll('main > section')].map((s) => /.{0,40}(undefined|NaN|\\[object|Infinity).{0,40}/.exec(s.textContent)).filter(Boolean).map((m) => m[0])")
    check(name + ": every figure is one", not odd, odd)
    check(name + ": no complaint on the console", not page.problems, page.problems)
    check(name + ": asks for nothing", not page.requests, page.requests)


def shop(browser):
    page = browser.open("shop.html")
    check("the title says whose it is", "look_shop" in page.eval("document.title"), page.eval("document.title"))
    check("the summary has the four kinds", all(w in page.eval("document.querySelector('.cards').textContent")
                                                for w in ("Heap", "Threads", "Descriptors", "Timers")))
    tab(page, "growth")
    cells = page.eval(FIRST_CELLS % ("growth", 6))
    check("rows are ranked, and named", "keep" in cells, cells[:9])
    page.click("#view-growth [data-sort=alloc_objects]")
    order = page.eval("document.querySelector('#view-growth [aria-sort=descending]').textContent")
    check("a click on a heading sorts", "alloc objects" in order, order)
    counts = [int(c.replace(",", "")) for c in page.eval(FIRST_CELLS % ("growth", 3))]
    check("by that column", counts == sorted(counts, reverse=True) and len(counts) > 3, counts)
    page.click("#view-growth [data-sort=alloc_objects]")
    counts = [int(c.replace(",", "")) for c in page.eval(FIRST_CELLS % ("growth", 3))]
    check("and the other way round", counts == sorted(counts), counts)
    page.click("#view-growth [data-sort=inuse_space]")
    page.eval("document.querySelector('#view-growth .scroll').focus()")
    page.key("ArrowDown", 2)
    row = page.eval("document.querySelector('#view-growth [aria-selected=true]').ariaRowIndex")
    check("arrow keys walk through the rows", row == "4", row)
    search(page, "descend")
    page.wait("document.querySelector('#view-growth .match')")
    stacks = page.eval("document.querySelector('#view-growth .detail').textContent")
    check("a search leaves the stacks that match", "descend" in stacks, stacks)
    rows = page.eval("document.querySelector('#view-growth .scroll').ariaRowCount")
    search(page, "/^(descend)$/")
    check("a regular expression does so, too", page.eval("document.querySelector('#view-growth .scroll').ariaRowCount") == rows)
    search(page, "/(/")
    check("a bad one is marked", page.eval("document.getElementById('search').classList.contains('bad')"))
    search(page, "no such function")
    check("nothing matches: said so", "nothing matches" in page.eval("document.querySelector('#view-growth .grid').textContent"))
    page.eval("document.getElementById('search').focus()")
    page.key("Escape")
    page.click("#view-growth [data-value=function]")
    cells = page.eval(FIRST_CELLS % ("growth", 5))
    check("rows can be functions", "stock" in cells and "main" in cells, cells)
    flames(page)
    source(page)
    quiet(page, "a real program")


def flames(page):
    tab(page, "flame")
    drawn = page.eval(COLOURS)
    check("the flame graph is drawn", drawn[0] > 20000, drawn)
    page.eval("document.querySelector('#view-flame canvas').focus()")
    for _ in range(30):
        page.key("ArrowUp")
        if told(page).startswith("main"):
            break
    check("arrow keys walk up to main", told(page).startswith("main"), told(page))
    page.key("Enter")
    check("Enter zooms", page.eval("!document.querySelector('#view-flame button[disabled]')"))
    page.key("ArrowUp")
    inside = told(page)
    check("what is told is a share of what is zoomed", "of what is zoomed" in inside, inside)
    page.key("Escape")
    check("Escape shows all", told(page).startswith("all of in-use space"), told(page))
    # The two lowest boxes span the whole width.
    y = page.eval("document.querySelector('#view-flame canvas').getBoundingClientRect().bottom")
    page.click_at(700, y - 28)
    check("a click zooms", page.eval("!document.querySelector('#view-flame button[disabled]')"), told(page))
    page.click("#view-flame [data-value=icicle]")
    page.eval("document.querySelector('#view-flame canvas').focus()")
    page.key("Escape")
    page.key("ArrowDown")
    check("in an icicle down leads inwards", not told(page).startswith("all of"), told(page))
    search(page, "keep")
    page.wait("document.querySelector('#view-flame .match-text').textContent")
    check("a search tells the share that matches", "matched: 1" in page.eval("document.querySelector('#view-flame .match-text').textContent"),
          page.eval("document.querySelector('#view-flame .match-text').textContent"))
    search(page, "")
    page.eval("document.getElementById('column').value = '0'; document.getElementById('column').dispatchEvent(new Event('change'))")
    check("another column is another graph", told(page).startswith("all of allocated objects"), told(page))
    page.eval("document.getElementById('column').value = '3'; document.getElementById('column').dispatchEvent(new Event('change'))")


def source(page):
    tab(page, "source")
    page.eval("[...document.querySelectorAll('#view-source .row')].find((r) => /keep/.test(r.textContent)).click()")
    lines = page.eval("[...document.querySelectorAll('#view-source tr.hot')].map((r) => r.textContent)")
    check("source lines have their figures", any("10.8" in t and "keep: the line" in t for t in lines), lines)
    search(page, "stock")
    page.wait("document.querySelectorAll('#view-source .row').length < 3")
    page.click("#view-source .row")
    check("inlined functions stand below their line", page.eval("document.querySelectorAll('#view-source tr.inlined').length") > 1)
    search(page, "")


def looks(browser):
    page = browser.open("left.html", dark=True)
    check("dark where the system is dark", page.eval("document.documentElement.dataset.theme") == "dark")
    page.click("#theme")
    check("and light when asked for", page.eval("document.documentElement.dataset.theme") == "light")
    tab(page, "threads")
    check("an ended thread that nobody joined is called so", "ended, unjoined" in page.eval("document.querySelector('#view-threads').textContent"))
    check("each thread has its life line", page.eval("document.querySelectorAll('#view-threads .life i').length") >= 6)
    trace = browser.open("trace.html")
    tab(trace, "threads")
    check("a trace's waits are on the life lines", trace.eval("document.querySelectorAll('#view-threads .life b.io').length") >= 1)
    trace.eval("[...document.querySelectorAll('#view-threads .row')].find((r) => /reads/.test(r.textContent)).click()")
    trace.eval("document.querySelector('#view-threads ul.waits button').click()")
    waits = trace.eval("document.querySelector('#view-threads .detail').textContent")
    check("what a thread waits for, and where", "read fd" in waits and "and goes on" in waits and "reads" in waits)
    tab(page, "fds")
    names = page.eval("document.querySelector('#view-fds').textContent")
    check("descriptors say what they name", "pipe:[" in names and "double-close" in names, names)
    tab(page, "timers")
    check("timers say what they are", "unread" in page.eval("document.querySelector('#view-timers').textContent"))
    page.eval("document.getElementById('tab-summary').focus(); document.getElementById('tab-summary').click()")
    page.key("ArrowRight")
    check("arrow keys change tabs", page.eval("document.activeElement.id") == "tab-growth")
    nameless = page.eval("[...document.querySelectorAll('button, input, select, canvas, [role=grid]')].filter((e) => !(e.textContent.trim() || e.ariaLabel || e.labels?.length))"
                         ".map((e) => e.outerHTML.slice(0, 80))")
    check("everything that can be used has a name", not nameless, nameless)
    page.key("Tab", 3)
    check("and is reached by the Tab key", page.eval("document.activeElement.closest('#view-growth') !== null"), page.eval("document.activeElement.outerHTML.slice(0, 99)"))
    for width in (360, 1920):
        page.resize(width, 800)
        wide = [name for name in page.eval("[...document.querySelectorAll('[role=tab]')].map((t) => t.id.slice(4))")
                if tab(page, name) or page.eval("document.documentElement.scrollWidth") > width]
        check("no view is wider than a screen of %d" % width, not wide, wide)
    page.call("Emulation.setEmulatedMedia", media="print")
    check("all views are printed", page.eval("[...document.querySelectorAll('main > section')].every((s) => s.offsetHeight > 20)"))
    quiet(page, "what is left")


def lost(browser):
    page = browser.open("lost.html")
    check("what is lost is told",
          "1\u00a0block lost for certain" in page.eval("document.querySelector('.cards').textContent"), page.eval("document.querySelector('.cards').textContent"))
    tab(page, "growth")
    page.click("#view-growth [data-sort=verdict]")
    cells = page.eval(FIRST_CELLS % ("growth", 6))
    check("and sorted first by its verdict", cells[0] == "lost", cells[:3])
    check("nothing stands above a sound snapshot", page.eval("document.getElementById('alarm').hidden"))
    quiet(page, "lost blocks")


def hostile(browser):
    page = browser.open("hostile.html")
    for name in page.eval("[...document.querySelectorAll('[role=tab]')].map((t) => t.id.slice(4))"):
        tab(page, name)
        page.eval("[...document.querySelectorAll('#view-%s .row')].forEach((r) => r.click())" % name)
    check("no name became an element", page.eval("document.querySelectorAll('img, main b b').length") == 0 and page.eval("window.hacked === undefined"))
    check("names are shown as they are", '</script><img src=x onerror="window.hacked=1"><b>bold</b>' in page.eval("document.querySelector('#view-threads').textContent"))
    check("no control character, and none that turns text, is shown", page.eval("!/[\\u0000-\\u0008\\u000e-\\u001f\\u007f\\u202e\\u2028]/.test(document.body.innerText + document.title)"))
    tab(page, "threads")
    page.eval("[...document.querySelectorAll('#view-threads .row')].find((r) => /stuck/.test(r.textContent)).click()")
    proof = page.eval("document.querySelector('#view-threads .detail').textContent")
    check("a thread that never goes on has its proof", "blocked" in page.eval("document.querySelector('#view-threads .grid').textContent") and
          "byte 8 of a block of 64" in proof and "Waits at" in proof, proof)
    check("losses stand above all views", "7 events lost" in page.eval("document.getElementById('alarm').textContent"))
    check("and where the figures part ways with others'", "counts 90.0\u00a0MB more than was seen" in page.eval("document.getElementById('alarm').textContent") and
          "20 descriptors of the tables are not in the kernel's list" in page.eval("document.getElementById('alarm').textContent"),
          page.eval("document.getElementById('alarm').textContent"))
    quiet(page, "hostile names")


def large(browser):
    page = browser.open("large.html")
    tab(page, "growth")
    rows = page.eval("document.querySelector('#view-growth .scroll').ariaRowCount")
    check("a hundred thousand rows, but for equal ones", int(rows) > 99900, rows)
    check("of which those in sight are in the document", page.eval("document.querySelectorAll('#view-growth .row').length") < 100)
    page.eval("document.querySelector('#view-growth .scroll').focus()")
    page.key("End")
    check("the last is one key away", page.eval("document.querySelector('#view-growth [aria-selected=true]').ariaRowIndex") == rows)
    page.click("#view-growth [data-sort=alloc_space]")
    check("they can be sorted", "alloc space" in page.eval("document.querySelector('#view-growth [aria-sort=descending]').textContent"))
    search(page, "libpart7.so+0x40")
    page.wait("document.querySelector('#view-growth .scroll').ariaRowCount < 90000")
    check("and searched", int(page.eval("document.querySelector('#view-growth .scroll').ariaRowCount")) > 1)
    search(page, "")
    for by in ("function", "module"):
        page.click("#view-growth [data-value=%s]" % by)
    check("and summed by module", page.eval("document.querySelector('#view-growth .scroll').ariaRowCount") == "31", page.eval("document.querySelector('#view-growth .scroll').ariaRowCount"))
    tab(page, "flame")
    check("and drawn", page.eval(COLOURS)[0] > 200000, page.eval(COLOURS))
    quiet(page, "a hundred thousand stacks")


def pair(browser):
    page = browser.open("pair.html")
    check("what grew is told", "+300.0" in page.eval("document.querySelector('#view-summary').textContent") or
          "+100.0" in page.eval("document.querySelector('#view-summary').textContent"), page.eval("document.querySelector('#view-summary').innerText"))
    page.eval("document.getElementById('column').value = '3'; document.getElementById('column').dispatchEvent(new Event('change'))")
    tab(page, "flame")
    any_, red, blue = page.eval(COLOURS)
    check("a difference has red", red > 2000, any_, red, blue)
    check("and blue", blue > 2000, any_, red, blue)
    # 100 and 300 and 50 kB, then 400 and 100 and 50 and 80 kB; the stack that gave all back is churn.
    check("both sides are told", "450.0\u00a0kB \u2192 630.0\u00a0kB (+180.0\u00a0kB)" in told(page), told(page))
    page.eval("document.getElementById('mode').value = 'growth'; document.getElementById('mode').dispatchEvent(new Event('change'))")
    check("growth alone", "+380.0\u00a0kB" in told(page), told(page))
    tab(page, "timeline")
    check("figures over time are drawn", page.eval("document.querySelectorAll('#view-timeline svg path').length") >= 4)
    tab(page, "threads")
    check("a thread of the earlier snapshot only is gone", "gone" in page.eval("document.querySelector('#view-threads').textContent"))
    quiet(page, "two snapshots")


with Browser() as browser:
    for step in (shop, looks, lost, hostile, large, pair):
        step(browser)
