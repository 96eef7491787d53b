/*
 * Makes "unsynced writes are lost" testable: kill -9 keeps the page cache, a power cut does not.
 *
 * Loaded with LD_PRELOAD, this keeps, for files below $DENIZEN_SHIM_ROOT, what each write replaces
 * in an undo journal below $DENIZEN_SHIM_JOURNAL, before the write. A successful fsync or fdatasync
 * empties the journal of its file. After a kill, roll-back.ts applies what is left.
 *
 * With $DENIZEN_SHIM_SYNCS_MAX, that many syncs succeed and the others fail with EIO.
 *
 * Journals, named by device and inode, so that a renamed file keeps its own:
 *   data-<dev>-<ino>   records of struct record, each followed by its bytes
 *   names-<dev>-<ino>  of a directory: lines for entries made or renamed; fsync of it empties this
 *   kept-<n>           a hard link to a file that a rename replaced
 *   root               the path of $DENIZEN_SHIM_ROOT
 *
 * Strict where POSIX is: only the fsync of a directory makes an entry durable, sync_file_range
 * makes nothing durable. Not covered: unlink and rmdir (durable at once), fallocate,
 * copy_file_range, stdio, io_uring (set UV_USE_IO_URING=0). A shared writable mapping can't be
 * journaled: it ends the process, lock.mdb aside, whose contents mean nothing after a start.
 *
 * The real calls are system calls, so that nothing here can call itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { FDS_MAX = 65536, MAGIC = 0x4f444e55 };
/* Old bytes of a write that may be lost; new bytes of one that was made through O_DSYNC. */
enum kind { UNDO = 0, DURABLE = 1 };

struct record {
  uint32_t magic, kind;
  /* `length` bytes follow; the write itself was of `written` bytes. */
  uint64_t offset, old_length, length, written;
};

struct file {
  dev_t dev;
  ino_t ino;
  int is_directory;
  int journal; /* opened for append */
  pthread_mutex_t lock;
  struct file *next;
};

static struct {
  struct file *file;
  int is_sync;
} fds[FDS_MAX];
static struct file *files;
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX], journals[PATH_MAX];
static size_t root_length;
static unsigned kept;
/* Syncs that still succeed; below zero: all. */
static long syncs_left = -1;

static void fail(const char *what) {
  dprintf(2, "undo-journal: %s: %s\n", what, strerror(errno));
  abort();
}

/* -- real calls -- */
static int real_openat(int dir, const char *path, int flags, mode_t mode) {
  return syscall(SYS_openat, dir, path, flags, mode);
}
static ssize_t real_pwrite(int fd, const void *bytes, size_t n, off_t at) {
  return syscall(SYS_pwrite64, fd, bytes, n, at);
}
static int real_ftruncate(int fd, off_t length) { return syscall(SYS_ftruncate, fd, length); }
static int real_close(int fd) { return syscall(SYS_close, fd); }

__attribute__((constructor)) static void start(void) {
  const char *r = getenv("DENIZEN_SHIM_ROOT"), *j = getenv("DENIZEN_SHIM_JOURNAL");
  if (!r || !j) return;
  if (!realpath(r, root)) fail("DENIZEN_SHIM_ROOT");
  if (!realpath(j, journals)) fail("DENIZEN_SHIM_JOURNAL");
  root_length = strlen(root);
  const char *limit = getenv("DENIZEN_SHIM_SYNCS_MAX");
  if (limit) syncs_left = atol(limit);
  char path[PATH_MAX + 8];
  snprintf(path, sizeof path, "%s/root", journals);
  int fd = real_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || syscall(SYS_write, fd, root, root_length) < 0) fail("root");
  real_close(fd);
}

static int is_below_root(const char *path) {
  return root_length > 0 && strncmp(path, root, root_length) == 0 &&
         (path[root_length] == '/' || path[root_length] == 0);
}

static int path_of(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
  if (n < 0) return -1;
  path[n] = 0;
  return 0;
}

/* The absolute path of an entry whose directory exists, and its directory in `parent`. */
static int resolve(int dir, const char *path, char *full, char *parent) {
  char at[PATH_MAX], copy[PATH_MAX];
  if (path[0] == '/') snprintf(copy, sizeof copy, "%s", path);
  else {
    if (dir == AT_FDCWD ? !getcwd(at, sizeof at) : path_of(dir, at) < 0) return -1;
    if (snprintf(copy, sizeof copy, "%s/%s", at, path) >= (int)sizeof copy) return -1;
  }
  char *slash = strrchr(copy, '/');
  while (slash > copy && slash[1] == 0) *slash = 0, slash = strrchr(copy, '/');
  *slash = 0;
  if (!realpath(slash == copy ? "/" : copy, parent)) return -1;
  return snprintf(full, PATH_MAX, "%s/%s", parent, slash + 1) < PATH_MAX ? 0 : -1;
}

static struct file *file_for(const struct stat *at) {
  pthread_mutex_lock(&table_lock);
  struct file *file = files;
  while (file && (file->dev != at->st_dev || file->ino != at->st_ino)) file = file->next;
  if (!file) {
    file = calloc(1, sizeof *file);
    if (!file) fail("calloc");
    file->dev = at->st_dev;
    file->ino = at->st_ino;
    file->is_directory = S_ISDIR(at->st_mode);
    pthread_mutex_init(&file->lock, NULL);
    char path[PATH_MAX + 80];
    snprintf(path, sizeof path, "%s/%s-%llu-%llu", journals, file->is_directory ? "names" : "data",
             (unsigned long long)file->dev, (unsigned long long)file->ino);
    file->journal = real_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file->journal < 0) fail(path);
    file->next = files;
    files = file;
  }
  pthread_mutex_unlock(&table_lock);
  return file;
}

/* libuv closes files by a system call of its own, which is not seen here: by then the descriptor may
 * be a socket's. */
static struct file *tracked(int fd) {
  if (fd < 0 || fd >= FDS_MAX) return NULL;
  struct file *file = __atomic_load_n(&fds[fd].file, __ATOMIC_ACQUIRE);
  if (!file) return NULL;
  struct stat at;
  int error = errno;
  int same = fstat(fd, &at) == 0 && at.st_dev == file->dev && at.st_ino == file->ino;
  errno = error;
  if (same) return file;
  __atomic_store_n(&fds[fd].file, NULL, __ATOMIC_RELEASE);
  return NULL;
}

static void append(struct file *file, const struct iovec *parts, int count) {
  ssize_t total = 0;
  for (int i = 0; i < count; i++) total += parts[i].iov_len;
  if (syscall(SYS_writev, file->journal, parts, count) != total) fail("journal");
}

static void note_name(const char *parent, const char *format, ...) {
  struct stat at;
  if (stat(parent, &at) < 0) return;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  char line[3 * PATH_MAX];
  int n = snprintf(line, sizeof line, "%llu\t", now.tv_sec * 1000000000ull + now.tv_nsec);
  va_list arguments;
  va_start(arguments, format);
  n += vsnprintf(line + n, sizeof line - n, format, arguments);
  va_end(arguments);
  if (n >= (int)sizeof line) fail("a path is too long");
  struct file *directory = file_for(&at);
  pthread_mutex_lock(&directory->lock);
  struct iovec part = {line, n};
  append(directory, &part, 1);
  pthread_mutex_unlock(&directory->lock);
}

/* -- data -- */

/* Journals what [offset, offset + length) and the file's length are; the caller holds the lock. */
static void keep(struct file *file, int fd, off_t offset, uint64_t length, uint64_t written) {
  struct stat now;
  if (fstat(fd, &now) < 0) fail("fstat");
  uint64_t end = offset + length, size = now.st_size;
  if (end > size) end = size;
  size_t held = end > (uint64_t)offset ? end - offset : 0;
  char *bytes = malloc(held + 1);
  /* The descriptor may be write-only. */
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  int reader = real_openat(AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
  if (!bytes || reader < 0) fail("pre-image");
  for (size_t at = 0; at < held;) {
    ssize_t n = syscall(SYS_pread64, reader, bytes + at, held - at, offset + at);
    if (n <= 0) fail("pre-image");
    at += n;
  }
  real_close(reader);
  struct record record = {MAGIC, UNDO, offset, size, held, written};
  struct iovec parts[] = {{&record, sizeof record}, {bytes, held}};
  append(file, parts, 2);
  free(bytes);
}

static void note_durable(struct file *file, off_t offset, const char *bytes, size_t length) {
  struct record record = {MAGIC, DURABLE, offset, 0, length, length};
  struct iovec parts[] = {{&record, sizeof record}, {(void *)bytes, length}};
  append(file, parts, 2);
}

/* at < 0: the descriptor's own position. */
static ssize_t write_vector(int fd, const struct iovec *parts, int count, off_t at) {
  struct file *file = tracked(fd);
  if (!file || file->is_directory) {
    return at < 0 ? syscall(SYS_writev, fd, parts, count)
                  : syscall(SYS_pwritev, fd, parts, count, at, 0);
  }
  size_t length = 0;
  for (int i = 0; i < count; i++) length += parts[i].iov_len;
  pthread_mutex_lock(&file->lock);
  off_t offset = at;
  if (at < 0) {
    int appends = fcntl(fd, F_GETFL) & O_APPEND;
    struct stat now;
    if (appends && fstat(fd, &now) < 0) fail("fstat");
    offset = appends ? now.st_size : syscall(SYS_lseek, fd, 0, SEEK_CUR);
  }
  if (!fds[fd].is_sync) keep(file, fd, offset, length, length);
  ssize_t written = at < 0 ? syscall(SYS_writev, fd, parts, count)
                           : syscall(SYS_pwritev, fd, parts, count, at, 0);
  int error = errno;
  if (fds[fd].is_sync) {
    ssize_t left = written;
    for (int i = 0; i < count && left > 0; i++) {
      ssize_t n = left < (ssize_t)parts[i].iov_len ? left : (ssize_t)parts[i].iov_len;
      note_durable(file, offset, parts[i].iov_base, n);
      offset += n, left -= n;
    }
  }
  pthread_mutex_unlock(&file->lock);
  errno = error;
  return written;
}

ssize_t write(int fd, const void *bytes, size_t n) {
  if (!tracked(fd)) return syscall(SYS_write, fd, bytes, n);
  struct iovec part = {(void *)bytes, n};
  return write_vector(fd, &part, 1, -1);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  return write_vector(fd, parts, count, -1);
}
ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) {
  if (!tracked(fd)) return real_pwrite(fd, bytes, n, at);
  struct iovec part = {(void *)bytes, n};
  return write_vector(fd, &part, 1, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t at) { return pwrite(fd, bytes, n, at); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
  return write_vector(fd, parts, count, at);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at) {
  return write_vector(fd, parts, count, at);
}

int ftruncate(int fd, off_t length) {
  struct file *file = tracked(fd);
  if (!file) return real_ftruncate(fd, length);
  pthread_mutex_lock(&file->lock);
  keep(file, fd, length, INT64_MAX - length, 0);
  int result = real_ftruncate(fd, length), error = errno;
  pthread_mutex_unlock(&file->lock);
  errno = error;
  return result;
}
int ftruncate64(int fd, off_t length) { return ftruncate(fd, length); }

static int sync_with(long call, int fd) {
  struct file *file = tracked(fd);
  if (!file) return syscall(call, fd);
  /* Held throughout: what is written while a sync runs is not covered by it. */
  pthread_mutex_lock(&file->lock);
  int broken = syncs_left >= 0 && __atomic_fetch_sub(&syncs_left, 1, __ATOMIC_RELAXED) <= 0;
  if (broken) syncs_left = 0, errno = EIO;
  int result = broken ? -1 : syscall(call, fd), error = errno;
  if (result == 0 && real_ftruncate(file->journal, 0) < 0) fail("journal");
  pthread_mutex_unlock(&file->lock);
  errno = error;
  return result;
}
int fsync(int fd) { return sync_with(SYS_fsync, fd); }
int fdatasync(int fd) { return sync_with(SYS_fdatasync, fd); }

void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset) {
  if ((flags & MAP_SHARED) && (protection & PROT_WRITE) && tracked(fd)) {
    errno = ENOTSUP;
    fail("a shared writable mapping");
  }
  return (void *)syscall(SYS_mmap, at, n, protection, flags, fd, offset);
}
void *mmap64(void *at, size_t n, int protection, int flags, int fd, off_t offset) {
  return mmap(at, n, protection, flags, fd, offset);
}

/* -- names -- */

static int is_lock_file(const char *path) {
  const char *name = strrchr(path, '/');
  return name && strcmp(name, "/lock.mdb") == 0;
}

static int open_at(int dir, const char *path, int flags, mode_t mode) {
  char full[PATH_MAX], parent[PATH_MAX];
  if (root_length == 0 || resolve(dir, path, full, parent) < 0 || !is_below_root(full) ||
      is_lock_file(full)) {
    return real_openat(dir, path, flags, mode);
  }
  struct stat at;
  int creates = (flags & O_CREAT) && lstat(full, &at) < 0;
  if (creates) note_name(parent, "made\t%s\n", full);
  int fd = real_openat(dir, path, flags & ~O_TRUNC, mode);
  if (fd < 0) return fd;
  if (fd >= FDS_MAX || fstat(fd, &at) < 0) fail("open");
  if (!S_ISREG(at.st_mode) && !S_ISDIR(at.st_mode)) return fd;
  struct file *file = file_for(&at);
  /* A new file may have the inode of one that is gone. */
  if (creates && real_ftruncate(file->journal, 0) < 0) fail("journal");
  fds[fd].is_sync = (flags & O_DSYNC) != 0;
  __atomic_store_n(&fds[fd].file, file, __ATOMIC_RELEASE);
  if ((flags & O_TRUNC) && at.st_size > 0 && ftruncate(fd, 0) < 0) fail("O_TRUNC");
  return fd;
}

static mode_t mode_from(int flags, va_list arguments) {
  return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(arguments, mode_t) : 0;
}
#define OPEN(name)                               \
  int name(const char *path, int flags, ...) {   \
    va_list arguments;                           \
    va_start(arguments, flags);                  \
    mode_t mode = mode_from(flags, arguments);   \
    va_end(arguments);                           \
    return open_at(AT_FDCWD, path, flags, mode); \
  }
#define OPENAT(name)                                    \
  int name(int dir, const char *path, int flags, ...) { \
    va_list arguments;                                  \
    va_start(arguments, flags);                         \
    mode_t mode = mode_from(flags, arguments);          \
    va_end(arguments);                                  \
    return open_at(dir, path, flags, mode);             \
  }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
int __open_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __openat_2(int dir, const char *path, int flags) { return open_at(dir, path, flags, 0); }
int __openat64_2(int dir, const char *path, int flags) { return open_at(dir, path, flags, 0); }
int creat(const char *path, mode_t mode) {
  return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int close(int fd) {
  if (tracked(fd)) __atomic_store_n(&fds[fd].file, NULL, __ATOMIC_RELEASE);
  return real_close(fd);
}

int mkdir(const char *path, mode_t mode) {
  char full[PATH_MAX], parent[PATH_MAX];
  struct stat at;
  if (resolve(AT_FDCWD, path, full, parent) == 0 && is_below_root(full) && lstat(full, &at) < 0) {
    note_name(parent, "made\t%s\n", full);
  }
  return syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
  char old[PATH_MAX], new[PATH_MAX], parent[PATH_MAX], link[PATH_MAX + 64] = "-";
  if (resolve(from_dir, from, old, parent) == 0 && resolve(to_dir, to, new, parent) == 0 &&
      is_below_root(old) && is_below_root(new)) {
    struct stat at;
    if (lstat(new, &at) == 0 && S_ISREG(at.st_mode)) {
      unsigned number = __atomic_add_fetch(&kept, 1, __ATOMIC_RELAXED);
      snprintf(link, sizeof link, "%s/kept-%d-%u", journals, getpid(), number);
      if (linkat(AT_FDCWD, new, AT_FDCWD, link, 0) < 0) fail(link);
    }
    note_name(parent, "renamed\t%s\t%s\t%s\n", old, new, link);
  }
  return syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}
int renameat(int from_dir, const char *from, int to_dir, const char *to) {
  return renameat2(from_dir, from, to_dir, to, 0);
}
int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }
