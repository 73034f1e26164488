/*
 * ptyExec [--lock FILE] PROGRAM [ARGUMENT...]
 *
 * Becomes PROGRAM without handing on any descriptor above 2. It stands before the pty host, which would else inherit
 * what the editor left open, and before each program in a terminal, because node-pty opens its pty masters without
 * FD_CLOEXEC and every later shell could read and write the earlier ones' terminals. Linux only: elsewhere posix_spawn
 * with POSIX_SPAWN_CLOEXEC_DEFAULT does the same.
 *
 * With --lock, FILE is first locked exclusively, as descriptor 3, for as long as PROGRAM lives; the kernel gives the
 * lock back however PROGRAM ends. Exit codes of its own: 75 locked by another process, 126 cannot be executed,
 * 127 not found, 125 anything else.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FIRST_CLOSED 3

static void closeListed(DIR *listing) {
  /* Closing while reading the directory may skip entries, so the numbers are remembered in rounds. */
  int found[256];
  size_t count;
  do {
    struct dirent *entry;
    count = 0;
    rewinddir(listing);
    while (count < 256 && (entry = readdir(listing)) != NULL) {
      int descriptor = atoi(entry->d_name);
      if (descriptor >= FIRST_CLOSED && descriptor != dirfd(listing)) found[count++] = descriptor;
    }
    for (size_t i = 0; i < count; i++) close(found[i]);
  } while (count > 0);
}

static void closeInherited(void) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, FIRST_CLOSED, ~0U, 0) == 0) return;
#endif
  /* Kernels before 5.9, or a seccomp filter that does not know the call. */
  DIR *listing = opendir("/proc/self/fd");
  if (listing != NULL) {
    closeListed(listing);
    closedir(listing);
    return;
  }
  struct rlimit limit;
  int end = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 1048576 ? (int)limit.rlim_cur : 1048576;
  for (int descriptor = FIRST_CLOSED; descriptor < end; descriptor++) close(descriptor);
}

static void fail(const char *what, const char *object, int exitCode) {
  fprintf(stderr, "%s %s: %s\n", what, object, strerror(errno));
  _exit(exitCode);
}

static void holdLock(const char *file) {
  int descriptor = open(file, O_RDWR | O_CREAT, 0600);
  if (descriptor < 0) fail("Cannot open the lock", file, 125);
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return;
  if (errno == EWOULDBLOCK) _exit(75);
  fail("Cannot lock", file, 125);
}

int main(int argc, char **argv) {
  int program = 1;
  closeInherited();
  if (argc > 2 && strcmp(argv[1], "--lock") == 0) {
    holdLock(argv[2]);
    program = 3;
  }
  if (program >= argc) {
    fprintf(stderr, "ptyExec [--lock FILE] PROGRAM [ARGUMENT...]\n");
    return 125;
  }
  execv(argv[program], argv + program);
  fail("Cannot start", argv[program], errno == ENOENT ? 127 : 126);
}
