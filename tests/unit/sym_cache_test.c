/*
 * sym_cache_test.c - the symbolizer's cache: it may answer, it may never answer wrongly, whatever
 * its files hold.
 */
#include <zlib.h>

#include "tests/unit/sym_support.h"

static const char ID[] = "00112233445566778899aabbccddeeff00112233";

static struct sym_answers some(size_t n)
{
	struct sym_answers a = {keep(xcalloc(n, sizeof(*a.at))), n};

	for (size_t i = 0; i < n; i++) {
		struct sym_answer *at = &a.at[i];

		at->address = 0x1000 + 16 * i;
		at->n_lines = (uint32_t)(i % 4); /* none: looked up and not found */
		at->line = sym_lines_new(at->n_lines);
		for (uint32_t k = 0; k < at->n_lines; k++)
			at->line[k] = (struct line){intern(text("f%zu", i % 7)), intern("_Z1fv"),
			                            k ? NULL : intern("/a.c"), (uint32_t)i, k};
	}
	return a;
}

static void load(const char *id, uint64_t identity, struct sym_answers *out)
{
	sym_cache_load(id, identity, out);
	keep(out->at);
}

static bool equal(const struct sym_answers *a, const struct sym_answers *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (a->at[i].address != b->at[i].address || a->at[i].n_lines != b->at[i].n_lines)
			return false;
		for (uint32_t k = 0; k < a->at[i].n_lines; k++) {
			const struct line *x = &a->at[i].line[k], *y = &b->at[i].line[k];

			if (x->function != y->function || x->linkage != y->linkage ||
			    x->file != y->file || x->number != y->number || x->start != y->start)
				return false;
		}
	}
	return true;
}

static const char *cache_file(void)
{
	return in_folder(text("outlive/%s.sym", ID));
}

TEST(what_was_saved_is_loaded)
{
	struct sym_answers a = some(100), b;

	folder();
	sym_cache_save(ID, 7, &a);
	load(ID, 7, &b);
	OK(equal(&a, &b));
	load(ID, 0, &b); /* the module's file is gone */
	OK(equal(&a, &b));
	sym_cache_save(ID, 7, &(struct sym_answers){0});
	load(ID, 7, &b);
	EQ(b.n, 0);
}

TEST(made_from_other_files_is_ignored)
{
	struct sym_answers a = some(10), b;

	folder();
	sym_cache_save(ID, 7, &a);
	load(ID, 8, &b);
	EQ(b.n, 0);
}

TEST(every_damaged_byte_and_every_length_is_ignored)
{
	struct sym_answers a = some(30), b;
	struct stat st;
	unsigned char byte;

	folder();
	sym_cache_save(ID, 7, &a);
	int fd = open(cache_file(), O_RDWR);
	OK(!fstat(fd, &st) && st.st_size > 500);
	for (off_t i = 0; i < st.st_size; i++) {
		OK(pread(fd, &byte, 1, i) == 1);
		byte ^= 0x41;
		OK(pwrite(fd, &byte, 1, i) == 1);
		load(ID, 7, &b);
		if (b.n)
			FAIL("byte %ld of the file may be damaged", (long)i);
		byte ^= 0x41;
		OK(pwrite(fd, &byte, 1, i) == 1);
	}
	for (off_t n = st.st_size; n--;) {
		OK(!ftruncate(fd, n));
		load(ID, 7, &b);
		EQ(b.n, 0);
	}
	close(fd);
}

/* A checksum is no proof of honesty: counts and offsets that fit the size but lead outside. */
TEST(sound_checksum_over_lies_is_ignored)
{
	struct sym_answers a = some(30), b;
	struct stat st;
	enum { HEADER = 40 };

	folder();
	sym_cache_save(ID, 7, &a);
	int fd = open(cache_file(), O_RDWR);
	OK(!fstat(fd, &st));
	size_t n = (size_t)st.st_size, loaded = 0;
	unsigned char *data = keep(xmalloc(n)), *lie = keep(xmalloc(n));
	OK(pread(fd, data, n, 0) == (ssize_t)n);
	for (size_t i = 16; i + 4 <= n; i += 4) {
		memcpy(lie, data, n);
		*(uint32_t *)(lie + i) += i % 3 ? 1 : 0x7fffffff;
		*(uint32_t *)(lie + 16) = (uint32_t)crc32(0, lie + HEADER, (unsigned)(n - HEADER));
		OK(pwrite(fd, lie, n, 0) == (ssize_t)n);
		load(ID, 7, &b); /* whatever it says, it stays inside (sanitizers look on) */
		for (size_t k = 0; k < b.n; k++)
			for (uint32_t j = 0; j < b.at[k].n_lines; j++)
				loaded += b.at[k].line[j].function
				                  ? strlen(b.at[k].line[j].function)
				                  : 0;
	}
	OK(loaded > 0);
	close(fd);
}

TEST(folder_that_others_may_write_is_not_used)
{
	struct sym_answers a = some(10), b;

	folder();
	sym_cache_save(ID, 7, &a);
	sh("chmod 777 $D/outlive");
	load(ID, 7, &b);
	EQ(b.n, 0);
	sh("mv $D/outlive $D/real && chmod 700 $D/real && ln -s $D/real $D/outlive");
	load(ID, 7, &b);
	EQ(b.n, 0);
}

TEST(build_id_of_a_hostile_snapshot_names_no_file)
{
	static const char *const id[] = {"",           "..",  "../../etc/passwd", "abc/def012345",
	                                 "ABCDEF0123", "0123"};
	struct sym_answers a = some(10), b;

	folder();
	for (size_t i = 0; i < sizeof(id) / sizeof(*id); i++) {
		sym_cache_save(id[i], 7, &a);
		load(id[i], 7, &b);
		EQ(b.n, 0);
	}
	sh("test -z \"$(ls -A $D)\"");
}

TEST(writers_side_by_side_leave_a_whole_file)
{
	struct sym_answers b;
	pid_t pid[4];

	folder();
	for (int i = 0; i < 4; i++) {
		pid[i] = fork();
		if (pid[i])
			continue;
		struct sym_answers mine = some((size_t)(100 + i));
		for (int k = 0; k < 100; k++) {
			sym_cache_save(ID, 7, &mine);
			load(ID, 7, &b);
			if (b.n < 100)
				_exit(1);
		}
		_exit(0);
	}
	for (int i = 0; i < 4; i++) {
		int status = 1;

		waitpid(pid[i], &status, 0);
		EQ(status, 0);
	}
	sh("test $(ls $D/outlive | wc -l) = 1");
}

TEST(cache_is_bounded_and_the_least_used_go)
{
	struct sym_answers a = some(10), b;

	folder();
	sym_cache_save(ID, 7, &a);
	sh("cd $D/outlive && for i in 1 2 3 4 5; do truncate -s 60M aaaaaaaa0$i.sym; "
	   "touch -d \"2001-01-0$i\" aaaaaaaa0$i.sym; done; touch -d 2001-01-01 new.1.1.1");
	sym_cache_save("aaaaaaaabbbbbbbb", 7, &a);
	sh("cd $D/outlive && test ! -e aaaaaaaa01.sym && test ! -e aaaaaaaa02.sym && test -e "
	   "aaaaaaaa05.sym && "
	   "test ! -e new.1.1.1");
	load(ID, 7, &b);
	EQ(b.n, 10);
}

/* ---- with the symbolizer ---- */

static void check_middle(const char *path, const char *id, uint64_t address, bool no_cache)
{
	struct symbolize_options o = {.no_cache = no_cache};
	const struct location *l = ask(path, id, &address, 1, &o)->location;

	EQ(l->n_lines, 3);
	if (l->n_lines == 3)
		STREQ(l->line[1].function, "shop::(anonymous namespace)::middle");
}

TEST(names_outlive_the_program_s_file)
{
	const char *path = compile("v5", ""), *id = build_id_of(path);
	uint64_t address = address_of(path, "mark_innermost");

	IN_CHILD(check_middle(path, id, address, false));
	IN_CHILD(check_middle(path, id, address, false));
	sh("${CXX:-c++} -std=c++17 -O1 -o $D/v5 " SOURCE); /* an upgrade */
	IN_CHILD(check_middle(path, id, address, false));
}

TEST(names_found_without_debug_file_are_not_kept_when_it_comes)
{
	const char *whole = compile("whole", ""), *id = build_id_of(whole), *app = in_folder("app");
	uint64_t address = address_of(whole, "mark_innermost");

	sh("objcopy --strip-debug $D/whole $D/app && objcopy --add-gnu-debuglink=$D/whole $D/app");
	sh("mv $D/whole $D/away");
	IN_CHILD(struct symbolize_options o = {0};
	         EQ(ask(app, id, &address, 1, &o)->location->n_lines, 1));
	sh("mv $D/away $D/whole");
	IN_CHILD(check_middle(app, id, address, false));
}

TEST(no_cache_writes_nothing)
{
	const char *path = compile("v5", ""), *id = build_id_of(path);

	check_middle(path, id, address_of(path, "mark_innermost"), true);
	sh("test ! -e $D/outlive");
}

TEST(new_addresses_join_the_old_ones)
{
	const char *path = compile("v5", ""), *id = build_id_of(path);
	uint64_t one = address_of(path, "mark_innermost"), two = address_of(path, "mark_add");
	struct symbolize_options o = {0};
	struct sym_answers a;

	IN_CHILD(ask(path, id, &one, 1, &o));
	IN_CHILD(ask(path, id, &two, 1, &o));
	load(id, 0, &a);
	EQ(a.n, 2);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
