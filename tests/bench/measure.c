/*
 * measure.c - runs a command and writes what it used: "status user_us system_us maxrss_kb", its
 * waited-for children included. A process of its own between bench.py and the command, for a
 * child's highest RSS begins with that of the image that forked it. measure FILE COMMAND...
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct rusage used;
	int status;
	pid_t pid;
	FILE *f;

	if (argc < 3)
		return 2;
	pid = fork();
	if (pid < 0)
		return 126;
	if (!pid) {
		execvp(argv[2], &argv[2]);
		_exit(127);
	}
	while (wait4(pid, &status, 0, &used) != pid)
		;
	f = fopen(argv[1], "w");
	if (!f)
		return 126;
	fprintf(f, "%d %ld %ld %ld\n",
	        WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status),
	        used.ru_utime.tv_sec * 1000000 + used.ru_utime.tv_usec,
	        used.ru_stime.tv_sec * 1000000 + used.ru_stime.tv_usec, used.ru_maxrss);
	return fclose(f) ? 126 : 0;
}
