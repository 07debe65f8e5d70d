/*
 * serve_http.h - the HTTP of `outlive serve`: serve_http.c. libmicrohttpd is known to it alone.
 */
#ifndef OUTLIVE_SERVE_HTTP_H
#define OUTLIVE_SERVE_HTTP_H

#include "serve_calls.h"
#include "serve_guard.h"
#include "serve_listen.h"

/*
 * Serves until SIGTERM or SIGINT. `calls` is started and ended here; `ready` is called once, when
 * the first answer can be given. -1 with err when it cannot begin.
 */
int serve_http(struct calls *calls, const struct serve_guard *guard, const struct serve_listen *l,
               void (*ready)(const struct serve_listen *l), struct err *err);

#endif
