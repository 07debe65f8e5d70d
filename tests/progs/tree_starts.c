/* Starts a program in each of the ways that there are, and waits for it: tree_starts WAY PROGRAM.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void become(const char *way, char *program)
{
	char *const argv[] = {program, NULL};
	char *const bare[] = {"A=B", NULL};

	if (!strcmp(way, "execve"))
		execve(program, argv, environ);
	else if (!strcmp(way, "execl"))
		execl(program, program, NULL);
	else if (!strcmp(way, "execlp"))
		execlp(program, program, NULL);
	else if (!strcmp(way, "execvp"))
		execvp(program, argv);
	else if (!strcmp(way, "bare"))
		execve(program, argv, bare);
	else if (!strcmp(way, "twice")) { /* what cannot be run first */
		execve("/etc/passwd", argv, environ);
		execve(program, argv, environ);
	}
	_exit(127);
}

static pid_t start(const char *way, char *program)
{
	char *const argv[] = {program, NULL};
	pid_t pid = -1;

	if (!strcmp(way, "spawn"))
		return posix_spawn(&pid, program, NULL, NULL, argv, environ) ? -1 : pid;
	if (!strcmp(way, "spawnp"))
		return posix_spawnp(&pid, program, NULL, NULL, argv, environ) ? -1 : pid;
	if (!strcmp(way, "nobody")) /* who asks for no number */
		return posix_spawn(NULL, program, NULL, NULL, argv, environ) ? -1 : -2;
	if (!strcmp(way, "vfork")) {
		pid = vfork();
		if (!pid) {
			execve(program, argv, environ);
			_exit(127);
		}
		return pid;
	}
	pid = fork();
	if (!pid)
		become(way, program);
	return pid;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc < 3)
		return 2;
	pid_t pid = start(argv[1], argv[2]);
	if (pid == -1 || wait(&status) < 0)
		return 3;
	printf("%s: %d\n", argv[1], WEXITSTATUS(status));
	return 0;
}
