/*
 * sample.c - see sample.h: distances between samples, weights, and the filter that spares frees of
 * other blocks the look-up. Context: any thread, a signal handler too; no libm (its functions may
 * be the program's own), no libc, no lock.
 */
#include "sample.h"

#include "sys.h"

uint64_t g_sample_period;
HOT_SHARED bool g_sample_direct;
uint8_t g_sample_filter[SAMPLE_SLOTS] __attribute__((aligned(4096)));

static uint64_t g_seed, g_threads;

void sample_init(uint64_t period, uint64_t seed)
{
	g_sample_period = period < SAMPLE_PERIOD_MAX ? period : SAMPLE_PERIOD_MAX;
	g_seed = seed;
	g_threads = 0;
}

/* ---- numbers ---- */

/* splitmix64: any two states, however alike, give unlike sequences. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* Threads of one process, and processes that were forked from one state, must not draw alike. */
static uint64_t first_random(void)
{
	uint64_t state = g_seed, own = __atomic_add_fetch(&g_threads, 1, __ATOMIC_RELAXED);

	if (!state)
		state = sys_now_ns() ^ (uint64_t)sys_getpid() << 40 ^ (uint64_t)sys_gettid() << 20;
	state = next_random(&state) + own * 0xd1342543de82ef95u;
	return next_random(&state) | 1;
}

/* -ln(u) of a u in (0, 1), by the series of artanh; 1e-12 is good enough by far. */
static double minus_log(double u)
{
	const double ln2 = 0.69314718055994530942;
	union {
		double d;
		uint64_t u;
	} v = {u};
	int exponent = (int)(v.u >> 52) - 1023;
	double t, square, sum = 0, power;

	v.u = (v.u & ((1ull << 52) - 1)) | 1023ull << 52;
	if (v.d > 1.4142135623730950488) {
		v.d /= 2;
		exponent++;
	}
	t = (v.d - 1) / (v.d + 1);
	square = t * t;
	power = t;
	for (int n = 1; n <= 15; n += 2, power *= square)
		sum += power / n;
	return -(2 * sum + exponent * ln2);
}

/* 1 - exp(-x), x >= 0, without the loss that computing it as written has for small x. */
static double probability(double x)
{
	unsigned doublings = 0;
	double term, sum;

	if (x > 40)
		return 1;
	while (x > 0.5) {
		x /= 2;
		doublings++;
	}
	term = sum = x;
	for (int n = 2; n <= 14; n++) {
		term *= -x / n;
		sum += term;
	}
	/* 1 - e^(-2x) is (1 - e^-x) (1 + e^-x). */
	for (; doublings; doublings--)
		sum *= 2 - sum;
	return sum;
}

/* ---- distances ---- */

static uint64_t distance(uint64_t *random)
{
	/* 53 bits, in the middle of their steps: neither 0 nor 1. */
	double u = ((double)(next_random(random) >> 11) + 0.5) / 9007199254740992.0;
	double bytes = minus_log(u) * (double)g_sample_period;

	/* A point in every byte: at random one in e^size blocks would still have none. */
	if (g_sample_period == 1)
		return 0;
	/* Whole bytes before the point: P(distance <= size) then is p of that size. */
	return (uint64_t)bytes;
}

COLD bool sample_draw(uint64_t *left, uint64_t *random, uint64_t bytes)
{
	if (!*random) {
		*random = first_random();
		*left = distance(random);
	}
	if (bytes < *left) {
		*left -= bytes + 1;
		return false;
	}
	*left = distance(random);
	return true;
}

uint32_t sample_round(uint64_t *random, uint64_t objects)
{
	uint64_t below = next_random(random) >> (64 - SAMPLE_FRACTION_BITS);
	uint64_t n = (objects + below) >> SAMPLE_FRACTION_BITS;

	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* ---- weights ---- */

static uint64_t whole(double v)
{
	uint64_t below = v < 9007199254740992.0 ? (uint64_t)v : 1ull << 53;

	return below + (v - (double)below >= 0.5 && below < 1ull << 53);
}

void sample_weigh(uint64_t size, struct sample_weight *out)
{
	double x = (double)size / (double)g_sample_period, more = 1 / (double)g_sample_period;
	double p = g_sample_period == 1 ? 1 : probability(x + more), scaled = x / p;

	/* A sum of blocks / p has, by each block that is in it, the variance (1 - p) / p^2. */
	out->objects = whole(65536 / p);
	out->bytes = whole((double)size / p);
	out->objects_variance = whole(256 * (1 - p) / (p * p));
	out->bytes_variance = whole(65536 * (1 - p) * scaled * scaled);
}

/* ---- the filter ---- */

/* Seldom: at samples only. Full slots stay full: how many they held is no longer known. */
static void filter_change(uintptr_t address, int by)
{
	uint8_t *slot = &g_sample_filter[sample_slot(address)];
	uint8_t n = __atomic_load_n(slot, __ATOMIC_RELAXED);

	while (n != UINT8_MAX && (by > 0 || n))
		if (__atomic_compare_exchange_n(slot, &n, (uint8_t)(n + by), true, __ATOMIC_ACQ_REL,
		                                __ATOMIC_RELAXED))
			break;
}

void sample_filter_add(uintptr_t address)
{
	filter_change(address, 1);
}

void sample_filter_remove(uintptr_t address)
{
	filter_change(address, -1);
}
