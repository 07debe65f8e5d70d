/* parse.c - a piece of the frozen program's source, for its listing */
#include "parse.h"

/* line 4 */


/* line 7 */


/* line 10 */


/* line 13 */


/* line 16 */


/* line 19 */


/* line 22 */


/* line 25 */


/* line 28 */


/* line 31 */


/* line 34 */


/* line 37 */


/* line 40 */


/* line 43 */


/* line 46 */


/* line 49 */


/* line 52 */


/* line 55 */


/* line 58 */


/* line 61 */


/* line 64 */


/* line 67 */


/* line 70 */


/* line 73 */


/* line 76 */


/* line 79 */


/* line 82 */


/* line 85 */


/* line 88 */


/* line 91 */


/* line 94 */


/* line 97 */


/* line 100 */


/* line 103 */


/* line 106 */


/* line 109 */


/* line 112 */


/* line 115 */


/* line 118 */


/* line 121 */


/* line 124 */


/* line 127 */


/* line 130 */


/* line 133 */


/* line 136 */
static char *parse_header(const char *from)
{
	char *to;
	to = xmalloc(1024); /* [31m */
	return to;
}






















































void parse_request(struct request *r)
{
	r->header = parse_header(r->text);
}
