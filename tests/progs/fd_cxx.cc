/* C++ streams and folders: libstdc++ opens and closes them by libc's functions, or by its own of
 * those. */
#include "prog.h"

#include <filesystem>
#include <fstream>

#include "preload/outlive.h"

static std::ifstream *g_in;
static std::filesystem::directory_iterator *g_folder;

static FRAME void open_stream()
{
	g_in = new std::ifstream("/dev/null");
}

static FRAME void open_folder()
{
	g_folder = new std::filesystem::directory_iterator("/etc");
}

static FRAME void open_and_close()
{
	std::fstream f("fd_cxx.file", std::ios::in | std::ios::out | std::ios::trunc);
	std::filesystem::recursive_directory_iterator walk(".");

	f << "text" << std::flush;
	std::filesystem::copy_file("fd_cxx.file", "fd_cxx.copy",
	                           std::filesystem::copy_options::overwrite_existing);
}

int main()
{
	open_stream();
	open_folder();
	open_and_close();
	outlive_snapshot("open");
	delete g_in;
	delete g_folder;
	outlive_snapshot("closed");
	return 0;
}
