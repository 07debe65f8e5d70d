/*
 * wait_reason_test.c - what is made of a system call's number and arguments, without a process.
 */
#include "analyzer/dwarf_prologue.h"
#include "analyzer/wait_reason.h"
#include "check.h"

#include <string.h>

static struct wait_reason of(const char *text)
{
	struct wait_call call;
	struct wait_reason r = {.kind = WAIT_KIND_COUNT};

	if (wait_call_parse(text, &call))
		wait_reason_decode(&call, &r);
	return r;
}

TEST(a_running_thread_and_nonsense_are_no_call)
{
	struct wait_call call;

	OK(!wait_call_parse("running\n", &call));
	OK(!wait_call_parse("", &call));
	OK(!wait_call_parse("202 0x1 0x2", &call) || call.number < 0);
}

TEST(a_fault_has_a_place_and_no_call)
{
	struct wait_call call;

	OK(wait_call_parse("-1 0x7ffd10 0x401000\n", &call));
	EQ(call.number, WAIT_NO_CALL);
	EQ(call.pc, 0x401000);
	EQ(of("-1 0x7ffd10 0x401000\n").kind, WAIT_MEMORY);
}

TEST(descriptors_are_ints_whatever_the_register_holds_above)
{
	struct wait_reason r = of("0 0xffffffff00000003 0x1 0x2 0x3 0x4 0x5 0x6 0x7");

	EQ(r.kind, WAIT_READ);
	EQ(r.fd, 3);
}

TEST(limits_of_time)
{
	/* epoll_wait, poll: milliseconds, -1 none; 0x...ffffffff is -1, too */
	OK(!of("232 0x5 0x1 0x1 0xffffffffffffffff 0 0 0x6 0x7").timed);
	OK(!of("232 0x5 0x1 0x1 0xffffffff 0 0 0x6 0x7").timed);
	OK(of("232 0x5 0x1 0x1 0x64 0 0 0x6 0x7").timed);
	OK(of("7 0x5 0x1 0x0 0x64 0 0 0x6 0x7").timed);
	/* ppoll, select: an address */
	OK(!of("271 0x5 0x1 0x0 0x64 0 0 0x6 0x7").timed);
	OK(of("270 0x5 0x1 0x0 0x0 0x7ff0 0 0x6 0x7").timed);
	/* futex: wait with and without */
	OK(!of("202 0x7f00 0x80 0x2 0x0 0 0 0x6 0x7").timed);
	OK(of("202 0x7f00 0x189 0x2 0x7f10 0 0 0x6 0x7").timed);
}

TEST(a_poll_of_nothing_is_a_sleep)
{
	EQ(of("7 0x0 0x0 0x64 0x64 0 0 0x6 0x7").kind, WAIT_SLEEP);
	EQ(of("7 0x0 0x0 0xffffffff 0x64 0 0 0x6 0x7").kind, WAIT_SIGNAL);
	EQ(of("23 0x0 0x0 0x0 0x0 0x7f00 0 0x6 0x7").kind, WAIT_SLEEP);
	EQ(of("7 0x7f00 0x1 0x64 0x64 0 0 0x6 0x7").kind, WAIT_POLL);
}

TEST(a_futex_is_what_libc_calls_it)
{
	struct wait_reason r = of("202 0x7f00 0x80 0x2 0x0 0 0 0x6 0x7");

	EQ(r.kind, WAIT_FUTEX);
	EQ(r.address, 0x7f00);
	OK(!r.shared);
	wait_reason_function(&r, "__lll_lock_wait");
	EQ(r.kind, WAIT_LOCK);
	wait_reason_function(&r, NULL);
	wait_reason_function(&r, "___pthread_mutex_lock");
	EQ(r.kind, WAIT_MUTEX);
	/* the mutex that a condition variable's wait takes again */
	wait_reason_function(&r, "__pthread_cond_wait");
	EQ(r.kind, WAIT_MUTEX);
}

TEST(functions_tell_nothing_of_other_calls)
{
	struct wait_reason r = of("1 0x3 0x1 0x2 0x3 0x4 0x5 0x6 0x7");

	wait_reason_function(&r, "pthread_mutex_lock");
	EQ(r.kind, WAIT_WRITE);
}

TEST(a_call_that_goes_on_after_a_stop)
{
	/* mov $0x7, %eax; syscall */
	uint8_t code[WAIT_CODE_BYTES] = {0};
	struct wait_call call = {.number = 219};

	memcpy(code + WAIT_CODE_BYTES - 7, "\xb8\x07\x00\x00\x00\x0f\x05", 7);
	wait_call_restarted(&call, code);
	EQ(call.number, 7);
	/* not one of those that the kernel goes on with so */
	call.number = 219;
	code[WAIT_CODE_BYTES - 6] = 1;
	wait_call_restarted(&call, code);
	EQ(call.number, 219);
}

TEST(words)
{
	struct wait_reason r = of("0 0x3 0x1 0x2 0x3 0x4 0x5 0x6 0x7");
	struct str s = {0};

	r.names = "pipe:[7]";
	wait_reason_words(&s, &r);
	STREQ(s.data, "fd 3 (pipe:[7])");
	str_free(&s);
	r = of("202 0x7f00 0x80 0x2 0x0 0 0 0x6 0x7");
	r.kind = WAIT_MUTEX;
	r.owner = 12;
	wait_reason_words(&s, &r);
	STREQ(s.data, "0x7f00, held by thread 12");
	str_free(&s);
	r = of("999 0x7f00 0x80 0x2 0x0 0 0 0x6 0x7");
	wait_reason_words(&s, &r);
	STREQ(s.data, "999");
	str_free(&s);
	STREQ(wait_kind_word(WAIT_KIND_COUNT), "blocked");
}

/* ---- frame pointers by the code ---- */

/* Code at 0x1000, stack at 0x8000; words elsewhere are not there. */
static uint8_t g_code[256];
static uint64_t g_stack[64];

static bool read_fake(void *arg, uint64_t address, uint64_t *word)
{
	(void)arg;
	if (address >= 0x1000 && address + 8 <= 0x1000 + sizeof(g_code)) {
		memcpy(word, g_code + (address - 0x1000), 8);
		return true;
	}
	if (address < 0x8000 || address + 8 > 0x8000 + sizeof(g_stack))
		return false;
	memcpy(word, (const char *)g_stack + (address - 0x8000), 8);
	return true;
}

static bool is_code_fake(void *arg, uint64_t address)
{
	(void)arg;
	return address >= 0x1000 && address < 0x1000 + sizeof(g_code);
}

static const struct unwind_memory fake = {read_fake, is_code_fake, NULL};

/* push %rbp; mov %rsp,%rbp; push %rbx; sub $0x18,%rsp at 0x1010, called at 0x1080. */
static void write_function(int32_t displacement)
{
	memset(g_code, 0x90, sizeof(g_code));
	memset(g_stack, 0, sizeof(g_stack));
	memcpy(g_code + 0x10, "\x55\x48\x89\xe5\x53\x48\x83\xec\x18", 9);
	g_code[0x80] = 0xe8;
	memcpy(g_code + 0x81, &displacement, 4);
	g_stack[4] = 0x8100; /* sp + 0x18 + 8: the caller's %rbp */
	g_stack[5] = 0x1085; /* behind the call */
}

TEST(a_frame_pointer_is_found_by_what_the_function_reserves)
{
	uint64_t rbp = 0;

	write_function(0x10 - 0x85);
	OK(prologue_rbp(&fake, 0x1014, 0x8000, &rbp));
	EQ(rbp, 0x8020);
}

TEST(a_call_of_another_function_is_no_proof)
{
	uint64_t rbp;

	write_function(0x40 - 0x85);
	OK(!prologue_rbp(&fake, 0x1014, 0x8000, &rbp));
}

TEST(a_function_that_has_moved_its_stack_is_refused)
{
	uint64_t rbp;

	write_function(0x10 - 0x85);
	OK(!prologue_rbp(&fake, 0x1014, 0x8000 - 64 + 72, &rbp));
	OK(!prologue_rbp(&fake, 0x1014, 0x8004, &rbp));
	/* not behind "push %rbp; mov %rsp, %rbp" */
	OK(!prologue_rbp(&fake, 0x1015, 0x8000, &rbp));
	/* beyond what can be read */
	OK(!prologue_rbp(&fake, 0x1014, 0x9000, &rbp));
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
