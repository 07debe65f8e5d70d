/*
 * hook_kept.c - calls behind which libc opens a file or a connection that it keeps for the next
 * call: the databases of users, groups, hosts and the like, utmp, syslog. Opening and closing are
 * calls of its own, which no hook sees. Context: any thread; none of these is async-signal-safe.
 */
#include <errno.h>

#include "format.h"
#include "hook.h"

#define OPENS(keeper, call)               \
	struct track_kept kept;           \
                                          \
	hook_ready();                     \
	track_kept_before(keeper, &kept); \
	call;                             \
	track_kept_after(&kept, &CALLER())
#define CLOSES(keeper, call) \
	hook_ready();        \
	call;                \
	track_kept_ends(keeper, &CALLER())

/* name: "pw" of getpwent. again: the parameter of setXent, if it has one, and how it is passed on;
 * more: what follows the four usual parameters of getXent_r. */
#define DATABASE(keeper, name, set_type, set_pass, more_type, more_pass)                           \
	EXPORT void set##name##ent set_type                                                        \
	{                                                                                          \
		OPENS(keeper, real.set##name##ent set_pass);                                       \
	}                                                                                          \
	EXPORT void *get##name##ent(void)                                                          \
	{                                                                                          \
		OPENS(keeper, void *entry = real.get##name##ent());                                \
		return entry;                                                                      \
	}                                                                                          \
	EXPORT int get##name##ent_r(void *entry, char *buf, size_t size, void **out more_type)     \
	{                                                                                          \
		OPENS(keeper, int error = real.get##name##ent_r(entry, buf, size, out more_pass)); \
		return error;                                                                      \
	}                                                                                          \
	EXPORT void end##name##ent(void)                                                           \
	{                                                                                          \
		CLOSES(keeper, real.end##name##ent());                                             \
	}
#define NOTHING
#define ERROR_TYPE , int *h_error
#define ERROR_PASS , h_error

DATABASE(KEEPER_PASSWD, pw, (void), (), NOTHING, NOTHING)
DATABASE(KEEPER_GROUP, gr, (void), (), NOTHING, NOTHING)
DATABASE(KEEPER_SHADOW, sp, (void), (), NOTHING, NOTHING)
DATABASE(KEEPER_HOSTS, host, (int stays), (stays), ERROR_TYPE, ERROR_PASS)
DATABASE(KEEPER_NETWORKS, net, (int stays), (stays), ERROR_TYPE, ERROR_PASS)
DATABASE(KEEPER_PROTOCOLS, proto, (int stays), (stays), NOTHING, NOTHING)
DATABASE(KEEPER_SERVICES, serv, (int stays), (stays), NOTHING, NOTHING)

/* ---- utmp: two sets of names for one file ---- */

#define UTMP(name)                                                     \
	EXPORT void set##name##ent(void)                               \
	{                                                              \
		OPENS(KEEPER_UTMP, real.set##name##ent());             \
	}                                                              \
	EXPORT void *get##name##ent(void)                              \
	{                                                              \
		OPENS(KEEPER_UTMP, void *e = real.get##name##ent());   \
		return e;                                              \
	}                                                              \
	EXPORT void *get##name##id(const void *id)                     \
	{                                                              \
		OPENS(KEEPER_UTMP, void *e = real.get##name##id(id));  \
		return e;                                              \
	}                                                              \
	EXPORT void *get##name##line(const void *l)                    \
	{                                                              \
		OPENS(KEEPER_UTMP, void *e = real.get##name##line(l)); \
		return e;                                              \
	}                                                              \
	EXPORT void *put##name##line(const void *l)                    \
	{                                                              \
		OPENS(KEEPER_UTMP, void *e = real.put##name##line(l)); \
		return e;                                              \
	}                                                              \
	EXPORT void end##name##ent(void)                               \
	{                                                              \
		CLOSES(KEEPER_UTMP, real.end##name##ent());            \
	}
UTMP(ut)
UTMP(utx)

EXPORT int getutent_r(void *entry, void **out)
{
	OPENS(KEEPER_UTMP, int error = real.getutent_r(entry, out));
	return error;
}

EXPORT int getutid_r(const void *id, void *entry, void **out)
{
	OPENS(KEEPER_UTMP, int error = real.getutid_r(id, entry, out));
	return error;
}

EXPORT int getutline_r(const void *line, void *entry, void **out)
{
	OPENS(KEEPER_UTMP, int error = real.getutline_r(line, entry, out));
	return error;
}

EXPORT int utmpname(const char *path)
{
	CLOSES(KEEPER_UTMP, int error = real.utmpname(path));
	return error;
}

EXPORT int utmpxname(const char *path)
{
	hook_ready();
	if (!real.utmpxname) {
		errno = ENOSYS;
		return -1;
	}
	CLOSES(KEEPER_UTMP, int error = real.utmpxname(path));
	return error;
}

/* ---- syslog; %m is errno, which nothing here touches ---- */

EXPORT void openlog(const char *name, int option, int facility)
{
	OPENS(KEEPER_SYSLOG, real.openlog(name, option, facility));
}

EXPORT void syslog(int priority, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	OPENS(KEEPER_SYSLOG, real.vsyslog(priority, format, ap));
	va_end(ap);
}

EXPORT void vsyslog(int priority, const char *format, va_list ap)
{
	OPENS(KEEPER_SYSLOG, real.vsyslog(priority, format, ap));
}

/* The checks that a libc without them cannot make are left out. */
static void checked(int priority, int flag, const char *format, va_list ap)
{
	if (real.__vsyslog_chk)
		real.__vsyslog_chk(priority, flag, format, ap);
	else
		real.vsyslog(priority, format, ap);
}

EXPORT void __syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	OPENS(KEEPER_SYSLOG, checked(priority, flag, format, ap));
	va_end(ap);
}

EXPORT void __vsyslog_chk(int priority, int flag, const char *format, va_list ap)
{
	OPENS(KEEPER_SYSLOG, checked(priority, flag, format, ap));
}

EXPORT void closelog(void)
{
	CLOSES(KEEPER_SYSLOG, real.closelog());
}
