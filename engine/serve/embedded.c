#include "engine/serve/embedded.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/serve/city_clock.h"
#include "engine/serve/journal.h"

#define SOCKET_NAME "redis.sock"
#define ADOPT_MS_MAX 500              // for a left-over server to say who it is
#define LEAVE_MS_MAX 500              // for a left-over server that was told to end to be gone
#define LEAVE_LOOK_US 10000
#define WATCH_MS 50                   // between two looks at whether it runs
#define BACK_OFF_MS_MIN 50
#define BACK_OFF_MS_MAX 1000
#define STEADY_MS 10000               // having run so long, the next death is the first again

int embedded_child(int argc, char **argv)
{
    if (argc < 4) {
        return 2;
    }
    pid_t parent = (pid_t)strtol(argv[2], NULL, 10);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) {
        return 1;   // It died before it could be watched.
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(argv[3], argv + 3);
    dprintf(STDERR_FILENO, "%s: %s\n", argv[3], strerror(errno));
    return 127;
}

// One inline command, its answer read until it ends in a line or the time is over.
static bool ask(int socket_fd, const char *command, char *text, size_t room)
{
    size_t used = 0;
    if (write(socket_fd, command, strlen(command)) != (ssize_t)strlen(command)) {
        return false;
    }
    while (used < room - 1) {
        ssize_t bytes = read(socket_fd, text + used, room - 1 - used);
        if (bytes <= 0) {
            break;
        }
        used += (size_t)bytes;
        text[used] = '\0';
        if (used >= 2 && text[used - 1] == '\n' && strstr(text, "\r\n") != NULL && text[0] != '*') {
            break;
        }
        // A list of two: `dir` and its value, each on a line of its own.
        int lines = 0;
        for (size_t i = 0; i < used; i++) {
            lines += text[i] == '\n';
        }
        if (text[0] == '*' && lines >= 5) {
            break;
        }
    }
    text[used] = '\0';
    return used > 0;
}

static int connect_now(const struct embedded *embedded)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%.107s", embedded->socket_path);
    int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = { .tv_usec = ADOPT_MS_MAX * 1000 };
    if (socket_fd >= 0) {
        setsockopt(socket_fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        setsockopt(socket_fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        if (connect(socket_fd, (struct sockaddr *)&address, sizeof address) != 0) {
            close(socket_fd);
            socket_fd = -1;
        }
    }
    return socket_fd;
}

enum left_over { LEFT_NOBODY, LEFT_OURS, LEFT_STRANGER, LEFT_SILENT };

// Who answers on the socket. LEFT_SILENT: the connection ended, or nothing came: a server that is just ending, perhaps.
static enum left_over look_for_left_over(const struct embedded *embedded, pid_t *ret_pid)
{
    char text[8192], real[600];
    int socket_fd = connect_now(embedded);
    if (socket_fd < 0) {
        return LEFT_NOBODY;
    }
    enum left_over found = LEFT_SILENT;
    if (ask(socket_fd, "CONFIG GET dir\r\n", text, sizeof text)) {
        found = realpath(embedded->folder->path, real) == NULL || strstr(text, real) == NULL ? LEFT_STRANGER
                                                                                            : LEFT_SILENT;
        if (found == LEFT_SILENT && ask(socket_fd, "INFO server\r\n", text, sizeof text)) {
            const char *at = strstr(text, "process_id:");
            *ret_pid = at != NULL ? (pid_t)strtol(at + 11, NULL, 10) : -1;
            found = *ret_pid > 1 ? LEFT_OURS : LEFT_STRANGER;
        }
    }
    close(socket_fd);
    return found;
}

// A server whose daemon was killed has been told to end and does so within moments: taking over one that dies would
// leave the store away for seconds. So it is looked at for a while; one that is still there then stays.
static enum left_over find_left_over(const struct embedded *embedded, pid_t *ret_pid)
{
    int64_t until_ms = monotonic_ms() + LEAVE_MS_MAX;
    enum left_over found;
    while ((found = look_for_left_over(embedded, ret_pid)) != LEFT_NOBODY && found != LEFT_STRANGER
           && monotonic_ms() < until_ms) {
        usleep(LEAVE_LOOK_US);
    }
    return found;
}

static int64_t back_off_ms(const struct embedded *embedded)
{
    int64_t wait_ms = BACK_OFF_MS_MIN;
    for (int32_t i = 1; i < embedded->deaths && wait_ms < BACK_OFF_MS_MAX; i++) {
        wait_ms *= 2;
    }
    return wait_ms < BACK_OFF_MS_MAX ? wait_ms : BACK_OFF_MS_MAX;
}

static void on_process_closed(uv_handle_t *handle)
{
    struct embedded *embedded = handle->data;
    embedded->process_open = 0;
}

static void died(struct embedded *embedded, const char *how, int64_t number)
{
    int64_t now_ms = monotonic_ms();
    embedded->deaths = now_ms - embedded->began_ms > STEADY_MS ? 1 : embedded->deaths + 1;
    embedded->running = false;
    embedded->adopted = false;
    embedded->next_ms = now_ms + back_off_ms(embedded);
    if (embedded->deaths <= 3 || embedded->deaths % 60 == 0) {
        journal(JOURNAL_ALARM, "store: redis-server (process %d) %s %lld; starting it again (look at %s/redis.log)",
                (int)embedded->pid, how, (long long)number, embedded->folder->path);
    }
}

static void on_exited(uv_process_t *process, int64_t code, int signal_number)
{
    struct embedded *embedded = process->data;
    uv_close((uv_handle_t *)process, on_process_closed);
    embedded->running = false;
    if (!embedded->stopping && code == 127) {
        died(embedded, "could not be started: is `redis_server` installed? code", code);
    } else if (!embedded->stopping) {
        died(embedded, signal_number != 0 ? "was killed by signal" : "ended with code",
             signal_number != 0 ? signal_number : code);
    }
}

static enum status spawn(struct embedded *embedded, struct problem *problem)
{
    char parent[16], *arguments[] = {
        "intergreend", EMBEDDED_CHILD_WORD, parent, (char *)(uintptr_t)embedded->program, "--port", "0",
        "--unixsocket", SOCKET_NAME, "--unixsocketperm", "600", "--appendonly", "yes", "--appendfsync", "everysec",
        "--save", "", "--dir", ".", "--daemonize", "no", "--logfile", "redis.log", "--pidfile", "redis.pid",
        "--maxmemory-policy", "noeviction", NULL };
    snprintf(parent, sizeof parent, "%d", (int)getpid());
    uv_stdio_container_t standard[3] = { { .flags = UV_IGNORE }, { .flags = UV_IGNORE },
        { .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO } };
    uv_process_options_t options = { .exit_cb = on_exited, .file = "/proc/self/exe", .args = arguments,
        .cwd = embedded->folder->path, .stdio_count = 3, .stdio = standard,
        .flags = UV_PROCESS_DETACHED };   // A terminal's Ctrl-C ends the daemon, and the daemon ends the server.
    unlinkat(embedded->folder->descriptor, SOCKET_NAME, 0);
    embedded->process.data = embedded;
    int result = uv_spawn(embedded->loop, &embedded->process, &options);
    embedded->process_open = 1;
    if (result != 0) {
        uv_close((uv_handle_t *)&embedded->process, on_process_closed);
        return problem_report(problem, STATUS_IO, "store", embedded->program, NULL, "cannot be started: %s",
                              uv_strerror(result));
    }
    embedded->pid = embedded->process.pid;
    embedded->running = true;
    embedded->began_ms = monotonic_ms();
    return STATUS_OK;
}

// START
static enum status begin(struct embedded *embedded, struct problem *problem)
{
    pid_t left_over = 0;
    enum left_over found = find_left_over(embedded, &left_over);
    if (found == LEFT_STRANGER || found == LEFT_SILENT) {
        return problem_report(problem, STATUS_REFUSED, "store", embedded->shown_path,
                              "End the program that listens there, or use another `state_dir`.",
                              "another program than our redis-server listens on the socket");
    }
    if (found == LEFT_OURS) {
        journal(JOURNAL_NOTE, "store: took over the redis-server that was left running (process %d)", (int)left_over);
        embedded->pid = left_over;
        embedded->running = true;
        embedded->adopted = true;
        embedded->began_ms = monotonic_ms();
        return STATUS_OK;
    }
    return spawn(embedded, problem);
}

static void on_timer(uv_timer_t *timer)
{
    struct embedded *embedded = timer->data;
    struct problem problem;
    if (embedded->stopping) {
        return;
    }
    if (embedded->adopted && embedded->running && kill(embedded->pid, 0) != 0) {
        died(embedded, "is gone,", 0);
    }
    if (embedded->running || embedded->process_open || monotonic_ms() < embedded->next_ms) {
        return;
    }
    if (begin(embedded, &problem) != STATUS_OK) {
        if (!embedded->failed_said) {
            journal(JOURNAL_ALARM, "%s", problem.text);
            embedded->failed_said = true;
        }
        return;
    }
    embedded->failed_said = false;
    embedded->began(embedded->owner);
}

enum status embedded_start(struct embedded *embedded, uv_loop_t *loop, const struct state_folder *folder,
                           const char *program, struct problem *problem)
{
    embedded->loop = loop;
    embedded->folder = folder;
    embedded->program = program;
    snprintf(embedded->shown_path, sizeof embedded->shown_path, "%s/%s", folder->path, SOCKET_NAME);
    struct sockaddr_un address;
    if (strlen(embedded->shown_path) < sizeof address.sun_path) {
        snprintf(embedded->socket_path, sizeof embedded->socket_path, "%.107s", embedded->shown_path);
    } else {
        snprintf(embedded->socket_path, sizeof embedded->socket_path, "/proc/self/fd/%d/%s", folder->descriptor,
                 SOCKET_NAME);
    }
    uv_timer_init(loop, &embedded->timer);
    embedded->timer.data = embedded;
    enum status status = begin(embedded, problem);
    if (status != STATUS_OK) {
        embedded->stopping = true;
        uv_close((uv_handle_t *)&embedded->timer, NULL);
        return status;
    }
    uv_timer_start(&embedded->timer, on_timer, WATCH_MS, WATCH_MS);
    return STATUS_OK;
}

void embedded_stop(struct embedded *embedded)
{
    if (embedded->stopping) {
        return;
    }
    embedded->stopping = true;
    uv_close((uv_handle_t *)&embedded->timer, NULL);
    if (embedded->running) {
        kill(embedded->pid, SIGTERM);
    }
}
