/*
 * symbolize_test.c - what is found for addresses of real programs: compiled here in several ways,
 * held against the source and against binutils' addr2line.
 */
#include "tests/unit/sym_support.h"

/* ---- against the source ---- */

static void check_line(const struct location *l, uint32_t i, const char *function, const char *text)
{
	if (l->n_lines <= i) {
		FAIL("%u lines, none for %s", l->n_lines, function);
		return;
	}
	STREQ(l->line[i].function, function);
	EQ(l->line[i].number, line_with(text));
	char *absolute = realpath(SOURCE, NULL);
	STREQ(l->line[i].file, absolute);
	free(absolute);
}

static void check_program(const char *path)
{
	const struct location *l = ask_one(path, address_of(path, "mark_innermost"));

	EQ(l->n_lines, 3);
	check_line(l, 0, "shop::(anonymous namespace)::innermost", "MARK(innermost)");
	check_line(l, 1, "shop::(anonymous namespace)::middle", "call of innermost");
	check_line(l, 2, "shop::(anonymous namespace)::only_here", "call of middle");

	l = ask_one(path, address_of(path, "mark_constructor"));
	EQ(l->n_lines, 2);
	check_line(l, 0, "shop::Basket<double>::Basket", "MARK(constructor)");
	check_line(l, 1, "main", "basket(argc)");

	l = ask_one(path, address_of(path, "mark_add"));
	EQ(l->n_lines, 1);
	check_line(l, 0, "shop::Basket<double>::add", "MARK(add)");
	STREQ(l->line[0].linkage, "_ZN4shop6BasketIdE3addEd");

	l = ask_one(path, address_of(path, "mark_lambda"));
	EQ(l->n_lines, 1);
	check_line(l, 0, "main::{lambda(int)#1}::operator()", "MARK(lambda)");

	/* of the names __sym_price, sym_price and sym_price_of_old: no underscores, global */
	l = ask_one(path, address_of(path, "mark_price"));
	EQ(l->n_lines, 1);
	check_line(l, 0, "sym_price_of_old", "MARK(price)");
	EQ(symbolize_source(&(struct module){.path = path, .build_id = build_id_of(path)}),
	   SYMBOLS_DWARF);
}

TEST(inline_chains_of_dwarf_5_have_their_call_lines)
{
	check_program(compile("v5", "-gdwarf-5"));
}

TEST(inline_chains_of_dwarf_4_have_their_call_lines)
{
	check_program(compile("v4", "-gdwarf-4"));
}

TEST(position_dependent_program)
{
	check_program(compile("fixed", "-no-pie -fno-pie"));
}

TEST(compressed_debug_sections)
{
	check_program(compile("packed", "-gz"));
}

TEST(debug_types_in_units_of_their_own)
{
	check_program(compile("types", "-gdwarf-4 -fdebug-types-section"));
}

TEST(functions_in_sections_of_their_own)
{
	check_program(compile("sections", "-ffunction-sections -Wl,--gc-sections"));
}

TEST(link_time_optimized_program)
{
	const char *path = compile("lto", "-flto");
	const struct location *l = ask_one(path, address_of(path, "mark_innermost"));

	OK(l->n_lines >= 3);
	check_line(l, 0, "shop::(anonymous namespace)::innermost", "MARK(innermost)");
	check_line(l, 1, "shop::(anonymous namespace)::middle", "call of innermost");
	check_line(l, 2, "shop::(anonymous namespace)::only_here", "call of middle");
}

TEST(no_inlines_keeps_the_function_that_is_really_there)
{
	const char *path = compile("v5", "");
	uint64_t address = address_of(path, "mark_innermost");
	struct symbolize_options o = {.no_cache = true, .no_inlines = true};
	const struct location *l = ask(path, build_id_of(path), &address, 1, &o)->location;

	EQ(l->n_lines, 1);
	check_line(l, 0, "shop::(anonymous namespace)::only_here", "call of middle");
}

/* A return address behind the last instruction of a function lies in the next one. */
TEST(return_address_is_looked_up_in_the_call)
{
	const char *path = compile("v5", "-fno-reorder-functions -falign-functions=1");
	struct asked *a;
	uint64_t behind = 0;
	char buf[256];

	FILE *f = popen(text("nm -n %s | grep -A1 ' T sym_never_returns' | tail -n 1", path), "r");
	OK(fgets(buf, sizeof(buf), f) != NULL);
	pclose(f);
	behind = strtoull(buf, NULL, 16);
	a = ask(path, build_id_of(path), &behind, 1, NULL);
	OK(a->location->n_lines && strcmp(a->location->line[0].function, "sym_never_returns"));
	a->location->flags = 0;
	symbolize_snapshot(&a->snapshot, &(struct symbolize_options){.no_cache = true}, NULL);
	STREQ(a->location->line[a->location->n_lines - 1].function, "sym_never_returns");
}

/* ---- against addr2line ---- */

struct frame {
	char function[1024], file[1024];
	unsigned line;
};

static const char *base_of(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "??";
}

/* Frames of the next address of addr2line -a -f -i. *ahead is the line already read. */
static size_t read_frames(FILE *f, char *ahead, size_t size, struct frame *frame, size_t max)
{
	size_t n = 0;

	while (fgets(ahead, (int)size, f) && strncmp(ahead, "0x", 2)) {
		struct frame *at = &frame[n < max ? n++ : max - 1];
		char where[1024];

		snprintf(at->function, sizeof(at->function), "%.*s", (int)strcspn(ahead, "\n"),
		         ahead);
		if (!fgets(where, sizeof(where), f))
			break;
		char *colon = strrchr(where, ':');
		at->line = colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
		if (colon)
			*colon = 0;
		snprintf(at->file, sizeof(at->file), "%s", base_of(where));
	}
	return n;
}

static bool same(const struct location *l, const struct frame *frame, size_t n)
{
	if (l->n_lines != n && !(l->n_lines == 0 && n == 1 && !strcmp(frame[0].file, "??")))
		return false;
	for (uint32_t i = 0; i < l->n_lines; i++)
		if (l->line[i].number != frame[i].line ||
		    (frame[i].line && strcmp(base_of(l->line[i].file), frame[i].file)))
			return false;
	return true;
}

/* Every second byte of the program's code; padding between functions has no line, and counts as
 * equal. */
static void compare_with_addr2line(const char *path)
{
	enum { MAX = 4096 };
	uint64_t address[MAX], lo = address_of(path, "_init"), hi = address_of(path, "_fini");
	struct frame frame[32];
	char ahead[1024];
	size_t n = 0, different = 0;
	FILE *out = fopen(in_folder("addresses"), "w");

	for (uint64_t at = lo; at < hi && n < MAX; at += 2) {
		address[n++] = at;
		fprintf(out, "%#" PRIx64 "\n", at);
	}
	fclose(out);
	OK(n > 300);
	struct asked *a = ask(path, build_id_of(path), address, n, NULL);
	FILE *f = popen(text("addr2line -afie %s < %s", path, in_folder("addresses")), "r");
	OK(fgets(ahead, sizeof(ahead), f) != NULL);
	for (size_t i = 0; i < n; i++) {
		size_t n_frames = read_frames(f, ahead, sizeof(ahead), frame, 32);

		if (same(&a->location[i], frame, n_frames))
			continue;
		if (different++ < 5)
			FAIL("%#" PRIx64 ": %u lines, %s:%u; addr2line %zu, %s:%u", address[i],
			     a->location[i].n_lines,
			     a->location[i].n_lines ? base_of(a->location[i].line[0].file) : "",
			     a->location[i].n_lines ? a->location[i].line[0].number : 0, n_frames,
			     frame[0].file, frame[0].line);
	}
	pclose(f);
	EQ(different, 0);
}

TEST(all_code_agrees_with_addr2line_dwarf_4)
{
	compare_with_addr2line(compile("v4", "-gdwarf-4"));
}

TEST(all_code_agrees_with_addr2line_dwarf_5)
{
	compare_with_addr2line(compile("v5", "-gdwarf-5"));
}

/* ---- files that are not whole ---- */

TEST(stripped_program_knows_exports_and_no_more)
{
	const char *path = compile("v5", "-Wl,--export-dynamic-symbol=sym_price_of_old"),
	           *bare = in_folder("bare");
	uint64_t exported = address_of(path, "mark_price"),
	         hidden = address_of(path, "mark_hidden");

	sh("strip -s -o $D/bare $D/v5");
	const struct location *l = ask_one(bare, exported);
	EQ(l->n_lines, 1);
	STREQ(l->line[0].function, "sym_price_of_old");
	OK(l->line[0].file == NULL);
	/* not its neighbour's name */
	EQ(ask_one(bare, hidden + 1)->n_lines, 0);
	EQ(symbolize_source(&(struct module){.path = bare, .build_id = build_id_of(bare)}),
	   SYMBOLS_DYNSYM);
}

TEST(program_without_dwarf_has_names_of_symbols)
{
	const char *path = compile("v5", "-g0");
	const struct location *l = ask_one(path, address_of(path, "mark_innermost"));

	EQ(l->n_lines, 1);
	STREQ(l->line[0].function, "shop::(anonymous namespace)::only_here");
	STREQ(l->line[0].linkage, "_ZN4shop12_GLOBAL__N_19only_hereEi");
	EQ(symbolize_source(&(struct module){.path = path, .build_id = build_id_of(path)}),
	   SYMBOLS_SYMTAB);
}

static void split(const char *debug)
{
	compile("whole", "");
	sh("mkdir -p $D/bin/.debug $D/lib/.build-id");
	sh("objcopy --only-keep-debug $D/whole $D/app.debug && strip -s -o $D/bin/app $D/whole && "
	   "cd $D && objcopy --add-gnu-debuglink=app.debug bin/app && mkdir -p $(dirname %s) && mv "
	   "app.debug %s",
	   debug, debug);
}

static void check_split(const char *const *dirs)
{
	const char *path = in_folder("bin/app");
	uint64_t address = address_of(in_folder("whole"), "mark_innermost");
	struct symbolize_options o = {.no_cache = true, .debug_dirs = dirs};
	const struct location *l = ask(path, build_id_of(path), &address, 1, &o)->location;

	EQ(l->n_lines, 3);
	check_line(l, 0, "shop::(anonymous namespace)::innermost", "MARK(innermost)");
	check_line(l, 2, "shop::(anonymous namespace)::only_here", "call of middle");
}

TEST(debug_file_beside_the_program)
{
	split("bin/app.debug");
	check_split(NULL);
}

TEST(debug_file_in_dot_debug)
{
	split("bin/.debug/app.debug");
	check_split(NULL);
}

TEST(debug_file_by_name_in_a_given_folder)
{
	const char *const dirs[] = {in_folder("elsewhere"), NULL};

	split("elsewhere/app.debug");
	check_split(dirs);
}

TEST(debug_file_by_build_id_although_the_program_is_gone)
{
	const char *const dirs[] = {in_folder("store"), NULL};

	split("store/app.debug");
	const char *id = build_id_of(in_folder("bin/app"));
	sh("mkdir -p $D/store/.build-id/%.2s && mv $D/store/app.debug "
	   "$D/store/.build-id/%.2s/%s.debug",
	   id, id, id + 2);
	check_split(dirs);
	sh("rm $D/bin/app");
	uint64_t address = address_of(in_folder("whole"), "mark_add");
	struct symbolize_options o = {.no_cache = true, .debug_dirs = dirs};
	const struct location *l = ask(in_folder("bin/app"), id, &address, 1, &o)->location;
	EQ(l->n_lines, 1);
	check_line(l, 0, "shop::Basket<double>::add", "MARK(add)");
}

TEST(debug_file_of_another_build_is_not_used)
{
	split("bin/app.debug");
	sh("${CXX:-c++} -std=c++17 -O1 -g -o $D/bin/app.debug " SOURCE);
	uint64_t address = address_of(in_folder("whole"), "mark_innermost");
	const char *path = in_folder("bin/app");
	EQ(ask(path, build_id_of(path), &address, 1, NULL)->location->n_lines, 0);
}

TEST(program_of_another_build_is_not_used)
{
	const char *path = compile("v5", "");
	uint64_t address = address_of(path, "mark_add");
	const struct module m = {.path = path,
	                         .build_id = "0123456789abcdef0123456789abcdef01234567"};

	EQ(ask(m.path, m.build_id, &address, 1, NULL)->location->n_lines, 0);
	EQ(symbolize_source(&m), SYMBOLS_OTHER_BUILD);
}

TEST(program_without_build_id_is_taken_by_its_path)
{
	const char *path = compile("v5", "-Wl,--build-id=none");

	STREQ(build_id_of(path), "");
	check_line(ask_one(path, address_of(path, "mark_add")), 0, "shop::Basket<double>::add",
	           "MARK(add)");
}

TEST(paths_that_are_no_files_neither_hang_nor_matter)
{
	static const char *const path[] = {
	        "/proc/kmsg", "/proc/self/mem", "/dev/zero", "/dev/tty", "/",
	        "",           "[vdso]",         "relative",  "/no/such"};
	uint64_t address = 4096;

	alarm(20);
	for (size_t i = 0; i < sizeof(path) / sizeof(*path); i++)
		EQ(ask(path[i], "", &address, 1, NULL)->location->n_lines, 0);
	sh("mkfifo $D/fifo");
	EQ(ask(in_folder("fifo"), "", &address, 1, NULL)->location->n_lines, 0);
	EQ(symbolize_source(&(struct module){.path = "/no/such", .build_id = ""}), SYMBOLS_NO_FILE);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
