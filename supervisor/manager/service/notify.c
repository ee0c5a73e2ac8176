#include "manager/service/notify.h"

#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/decimal.h"
#include "lib/fdio.h"
#include "lib/mounts.h"
#include "lib/utf8.h"
#include "manager/service/service_int.h"

/* ---- reading ----------------------------------------------------------------- */

/* One that could stop us, when it is closed or looked at, is not let in: whoever may send
 * here could stop all of supd with a mount of his own. */
static void
take_fd(struct svc_notify *nt, int fd)
{
	if (!mounts_fd_is_local(fd)) {
		nt->nremote++;
		fd_close_elsewhere(fd);
	} else if (nt->nfds < NOTIFY_FDS_MAX) {
		nt->fds[nt->nfds++] = fd;
	} else {
		close(fd);
	}
}

static int
read_one(int fd, struct notify_packet *p, int flags)
{
	/* Both kinds of control data in any order, at their largest. */
	union {
		char buf[CMSG_SPACE(sizeof(struct ucred)) +
			 CMSG_SPACE(NOTIFY_FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} ctl;
	struct iovec iov = { .iov_base = p->text, .iov_len = NOTIFY_BYTES_MAX };
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ctl.buf,
		.msg_controllen = sizeof(ctl.buf) };
	struct svc_notify *nt = &p->nt;
	struct cmsghdr *c;
	struct ucred cred;
	ssize_t n;

	memset(nt, 0, sizeof(*nt));
	nt->fds = p->fds;
	memset(&ctl, 0, sizeof(ctl));
	nt->uid = (uid_t)-1;
	nt->gid = (gid_t)-1;
	do
		n = recvmsg(fd, &mh, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
	for (c = CMSG_FIRSTHDR(&mh); c != NULL; c = CMSG_NXTHDR(&mh, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_CREDENTIALS &&
		    c->cmsg_len == CMSG_LEN(sizeof(cred))) {
			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
			nt->pid = cred.pid;
			nt->uid = cred.uid;
			nt->gid = cred.gid;
		} else if (c->cmsg_type == SCM_RIGHTS) {
			size_t bytes = c->cmsg_len - CMSG_LEN(0);

			for (size_t i = 0; i + sizeof(int) <= bytes; i += sizeof(int)) {
				int got;

				memcpy(&got, CMSG_DATA(c) + i, sizeof(got));
				take_fd(nt, got);
			}
		}
	}
	nt->truncated = (mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
	p->text[n] = '\0';
	nt->text = p->text;
	nt->len = (size_t)n;
	return 1;
}

int
notify_recv(int fd, struct notify_packet *p)
{
	return read_one(fd, p, 0);
}

int
notify_peek(int fd, struct notify_packet *p)
{
	return read_one(fd, p, MSG_PEEK);
}

void
notify_drop(int fd)
{
	char c;

	/* Without room for them its descriptors are closed: a barrier ends here. */
	while (recv(fd, &c, sizeof(c), MSG_DONTWAIT) == -1 && errno == EINTR)
		;
}

/* ---- the fields -------------------------------------------------------------- */

static bool
value_is(const char *v, size_t n, const char *text)
{
	return n == strlen(text) && memcmp(v, text, n) == 0;
}

static bool
parse_u64(const char *v, size_t n, uint64_t *out)
{
	uint64_t r = 0;

	if (n == 0 || n > 20)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned d = (unsigned)(v[i] - '0');

		if (v[i] < '0' || v[i] > '9' || r > (UINT64_MAX - d) / 10)
			return false;
		r = r * 10 + d;
	}
	*out = r;
	return true;
}

static void
take_text(char *dst, size_t size, const char *v, size_t n)
{
	n = utf8_head(v, n, size - 1);
	memset(dst, 0, size);
	/* Control characters would only grow sixfold in the journal. */
	for (size_t i = 0; i < n; i++)
		dst[i] = (unsigned char)v[i] < ' ' || v[i] == 0x7f ? ' ' : v[i];
}

static bool
fdname_is_valid(const char *v, size_t n)
{
	if (n == 0 || n > 255)
		return false;
	for (size_t i = 0; i < n; i++)
		if (v[i] <= ' ' || v[i] > '~' || v[i] == ':')
			return false;
	return true;
}

static bool
parse_access(const char *v, size_t n, enum notify_access *out)
{
	static const char *const names[] = { [NOTIFY_ACCESS_NONE] = "none",
		[NOTIFY_ACCESS_MAIN] = "main",
		[NOTIFY_ACCESS_EXEC] = "exec",
		[NOTIFY_ACCESS_ALL] = "all" };

	for (unsigned i = 0; i < 4; i++) {
		if (value_is(v, n, names[i])) {
			*out = (enum notify_access)i;
			return true;
		}
	}
	return false;
}

/* "1200" in all, "+1200" more. */
static bool
parse_usage(const char *v, size_t n, enum budget_counted what, struct svc_usage *u)
{
	bool more = n > 0 && v[0] == '+';
	uint64_t used;

	if (more) {
		v++;
		n--;
	}
	if (what == BUDGET_COUNTED_COST ? decimal_parse(v, n, &used, NULL) == -1
					: !parse_u64(v, n, &used))
		return false;
	u->has[what] = true;
	u->more[what] = more;
	u->n[what] = used;
	return true;
}

static bool
is_word(const char *v, size_t n)
{
	static const char *const fine =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789-_.:/@+=";

	for (size_t i = 0; i < n; i++)
		if (v[i] == '\0' || strchr(fine, v[i]) == NULL)
			return false;
	return n > 0 && n < SVC_SESSION_ID_MAX && v[0] != '-';
}

static void
parse_field(
    const char *key, size_t klen, const char *v, size_t n, struct notify_fields *f)
{
	uint64_t u;

#define KEY(text) (klen == sizeof(text) - 1 && memcmp(key, text, klen) == 0)
	if (KEY("READY")) {
		if (value_is(v, n, "1"))
			f->ready = true;
		else
			f->bad++;
	} else if (KEY("RELOADING")) {
		if (value_is(v, n, "1"))
			f->reloading = true;
		else
			f->bad++;
	} else if (KEY("STOPPING")) {
		if (value_is(v, n, "1"))
			f->stopping = true;
		else
			f->bad++;
	} else if (KEY("STATUS")) {
		f->has_status = true;
		take_text(f->status, sizeof(f->status), v, n);
	} else if (KEY("X_SESSION_ID")) {
		/* It becomes a word of an environment and of a command line. */
		if (is_word(v, n)) {
			f->has_session_id = true;
			take_text(f->session_id, sizeof(f->session_id), v, n);
		} else {
			f->bad++;
		}
	} else if (KEY("ERRNO")) {
		if (parse_u64(v, n, &u) && u <= 4095) {
			f->has_errno = true;
			f->err = (int32_t)u;
		} else {
			f->bad++;
		}
	} else if (KEY("MAINPID")) {
		if (parse_u64(v, n, &u) && u >= 1 && u <= INT32_MAX) {
			f->has_mainpid = true;
			f->mainpid = (int32_t)u;
		} else {
			f->bad++;
		}
	} else if (KEY("WATCHDOG")) {
		if (value_is(v, n, "1"))
			f->watchdog = true;
		else if (value_is(v, n, "trigger"))
			f->watchdog_trigger = true;
		else
			f->bad++;
	} else if (KEY("WATCHDOG_USEC")) {
		if (parse_u64(v, n, &u) && u <= INT64_MAX) {
			f->has_watchdog_us = true;
			f->watchdog_us = u;
		} else {
			f->bad++;
		}
	} else if (KEY("EXTEND_TIMEOUT_USEC")) {
		if (parse_u64(v, n, &u)) {
			f->has_extend = true;
			f->extend_us = u;
		} else {
			f->bad++;
		}
	} else if (KEY("MONOTONIC_USEC")) {
		if (parse_u64(v, n, &u)) {
			f->has_monotonic = true;
			f->monotonic_us = u;
		} else {
			f->bad++;
		}
	} else if (KEY("NOTIFYACCESS")) {
		if (parse_access(v, n, &f->access))
			f->has_access = true;
		else
			f->bad++;
	} else if (KEY("FDSTORE")) {
		if (value_is(v, n, "1"))
			f->fdstore = true;
		else
			f->bad++;
	} else if (KEY("FDSTOREREMOVE")) {
		if (value_is(v, n, "1"))
			f->fdstore_remove = true;
		else
			f->bad++;
	} else if (KEY("FDNAME")) {
		if (fdname_is_valid(v, n)) {
			f->has_fdname = true;
			take_text(f->fdname, sizeof(f->fdname), v, n);
		} else {
			f->bad++;
		}
	} else if (KEY("FDPOLL")) {
		if (value_is(v, n, "0"))
			f->fdpoll = false;
		else if (!value_is(v, n, "1"))
			f->bad++;
	} else if (KEY("BARRIER")) {
		if (value_is(v, n, "1"))
			f->barrier = true;
		else
			f->bad++;
	} else if (KEY("X_SUPD_TOKENS")) {
		if (!parse_usage(v, n, BUDGET_COUNTED_TOKENS, &f->usage))
			f->bad++;
	} else if (KEY("X_SUPD_COST")) {
		if (!parse_usage(v, n, BUDGET_COUNTED_COST, &f->usage))
			f->bad++;
	} else if (KEY("RESTART_RESET")) {
		if (value_is(v, n, "1"))
			f->restart_reset = true;
		else
			f->bad++;
	} else {
		f->unknown++;
	}
#undef KEY
}

void
notify_parse(const char *text, size_t len, struct notify_fields *f)
{
	const char *end = text + len, *line = text;

	memset(f, 0, sizeof(*f));
	f->fdpoll = true;
	if (len > 0 && memchr(text, '=', len) == NULL &&
	    memchr(text, '\n', len) != NULL) {
		f->newline_ready = true;
		return;
	}
	while (line < end) {
		const char *nl = memchr(line, '\n', (size_t)(end - line));
		const char *stop = nl != NULL ? nl : end;
		const char *eq = memchr(line, '=', (size_t)(stop - line));

		if (eq != NULL)
			parse_field(line, (size_t)(eq - line), eq + 1,
			    (size_t)(stop - eq - 1), f);
		else if (stop > line)
			f->unknown++;
		line = nl != NULL ? nl + 1 : end;
	}
}
