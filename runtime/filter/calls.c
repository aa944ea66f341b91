//go:build cgo && seccomp

// libcontainer hands a profile to libseccomp rule by rule, and takes the whole program
// from seccomp_export_bpf(3), which is where the time goes. The linker puts these
// functions between the two, see filter.go. For a filter that is neither noted nor
// expected they call the real ones and no more.
#define _GNU_SOURCE
#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"

// A system call has no more arguments.
#define MOST_ARGUMENTS 6

enum kind { INIT = 1, ATTRIBUTE, ARCHITECTURE, RULE, EXACT_RULE };

// A call as it is noted, without the arguments beyond n. An architecture may be there
// already (EEXIST) without fault.
struct call {
	uint32_t kind, a, b;
	int32_t result;
	uint32_t n, unused;
	struct scmp_arg_cmp arguments[MOST_ARGUMENTS];
};

static size_t size_of(uint32_t n)
{
	return offsetof(struct call, arguments) + n * sizeof(struct scmp_arg_cmp);
}

scmp_filter_ctx __real_seccomp_init(uint32_t);
int __real_seccomp_attr_set(scmp_filter_ctx, enum scmp_filter_attr, uint32_t);
int __real_seccomp_arch_add(scmp_filter_ctx, uint32_t);
int __real_seccomp_rule_add_array(scmp_filter_ctx, uint32_t, int, unsigned, const struct scmp_arg_cmp *);
int __real_seccomp_rule_add_exact_array(scmp_filter_ctx, uint32_t, int, unsigned, const struct scmp_arg_cmp *);
int __real_seccomp_export_bpf(const scmp_filter_ctx, int);

// Of a thread, for a process may compile several profiles at a time.
static _Thread_local struct {
	bool on, failed, exported;
	int program; // a descriptor
	scmp_filter_ctx filter;
	char *calls;
	size_t size, room;
} noted;

// Of the process, which is a container's first one or one that joins it, and has one
// filter: Go may make its calls from any thread.
static struct {
	bool begun;       // with the first filter
	bool passed_over; // rules, that is
	const char *calls, *next, *end;
	const void *program;
	size_t program_size;
	scmp_filter_ctx filter;
} expected;

static void note(const scmp_filter_ctx filter, const struct call *c)
{
	size_t size = size_of(c->n);

	if (!noted.on || noted.failed || filter != noted.filter)
		return;
	if (noted.size + size > noted.room) {
		size_t room = 2 * noted.room + 4096;
		char *more = realloc(noted.calls, room);

		if (!more) {
			noted.failed = true;
			return;
		}
		noted.calls = more;
		noted.room = room;
	}
	memcpy(noted.calls + noted.size, c, size);
	noted.size += size;
}

static bool is_next(const struct call *c)
{
	size_t size = size_of(c->n);

	if ((size_t)(expected.end - expected.next) < size || memcmp(expected.next, c, size) != 0)
		return false;
	expected.next += size;
	return true;
}

// What is made is another filter than was expected: the rules that were left out until
// here are added.
static void make_up_for(void)
{
	scmp_filter_ctx filter = expected.filter;
	const char *at = expected.calls;

	expected.filter = NULL;
	while (at < expected.next) {
		struct call c;

		memcpy(&c, at, size_of(0));
		memcpy(c.arguments, at + size_of(0), size_of(c.n) - size_of(0));
		at += size_of(c.n);
		if (c.kind == RULE)
			__real_seccomp_rule_add_array(filter, c.a, (int)c.b, c.n, c.arguments);
		else if (c.kind == EXACT_RULE)
			__real_seccomp_rule_add_exact_array(filter, c.a, (int)c.b, c.n, c.arguments);
	}
}

static bool is_expected(const scmp_filter_ctx filter) { return filter && filter == expected.filter; }

// Where rules were passed over already, what follows may not mean the same for them:
// those of before an architecture are not for it.
static void rules_first(const scmp_filter_ctx filter)
{
	if (is_expected(filter) && expected.passed_over)
		make_up_for();
}

// A call that is made in any case.
static int made(const scmp_filter_ctx filter, struct call *c, int result)
{
	c->result = result;
	if (is_expected(filter) && !is_next(c))
		make_up_for();
	note(filter, c);
	return result;
}

scmp_filter_ctx __wrap_seccomp_init(uint32_t action)
{
	struct call c = {.kind = INIT, .a = action};
	scmp_filter_ctx filter = __real_seccomp_init(action);

	if (filter && noted.on) {
		noted.failed = noted.filter != NULL;
		noted.filter = filter;
		note(filter, &c);
	}
	if (filter && expected.calls && !expected.begun) {
		expected.begun = true;
		expected.filter = is_next(&c) ? filter : NULL;
	}
	return filter;
}

int __wrap_seccomp_attr_set(scmp_filter_ctx filter, enum scmp_filter_attr attribute, uint32_t value)
{
	struct call c = {.kind = ATTRIBUTE, .a = attribute, .b = value};

	rules_first(filter);
	return made(filter, &c, __real_seccomp_attr_set(filter, attribute, value));
}

int __wrap_seccomp_arch_add(scmp_filter_ctx filter, uint32_t architecture)
{
	struct call c = {.kind = ARCHITECTURE, .a = architecture};

	rules_first(filter);
	return made(filter, &c, __real_seccomp_arch_add(filter, architecture));
}

typedef int rule_add(scmp_filter_ctx, uint32_t, int, unsigned, const struct scmp_arg_cmp *);

// A rule that was expected is left out: where it was noted it was added without fault.
static int add(rule_add *really, enum kind kind, scmp_filter_ctx filter, uint32_t action, int syscall, unsigned n,
	       const struct scmp_arg_cmp *arguments)
{
	struct call c = {.kind = kind, .a = action, .b = (uint32_t)syscall, .n = n};

	if (n <= MOST_ARGUMENTS && (arguments || n == 0)) {
		if (n > 0)
			memcpy(c.arguments, arguments, n * sizeof *arguments);
		if (is_expected(filter) && is_next(&c)) {
			expected.passed_over = true;
			return 0;
		}
	} else {
		c.n = 0; // libseccomp refuses it
	}
	if (is_expected(filter))
		make_up_for();
	return made(filter, &c, really(filter, action, syscall, n, arguments));
}

int __wrap_seccomp_rule_add_array(scmp_filter_ctx filter, uint32_t action, int syscall, unsigned n,
				  const struct scmp_arg_cmp *arguments)
{
	return add(__real_seccomp_rule_add_array, RULE, filter, action, syscall, n, arguments);
}

int __wrap_seccomp_rule_add_exact_array(scmp_filter_ctx filter, uint32_t action, int syscall, unsigned n,
					const struct scmp_arg_cmp *arguments)
{
	return add(__real_seccomp_rule_add_exact_array, EXACT_RULE, filter, action, syscall, n, arguments);
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

int __wrap_seccomp_export_bpf(const scmp_filter_ctx filter, int fd)
{
	if (is_expected(filter)) {
		if (expected.next == expected.end)
			return write_all(fd, expected.program, expected.program_size);
		make_up_for();
	}
	if (noted.on) { // whichever it is, it is not to be loaded
		if (filter == noted.filter && !noted.failed)
			noted.exported = __real_seccomp_export_bpf(filter, noted.program) == 0;
		return -ECANCELED;
	}
	return __real_seccomp_export_bpf(filter, fd);
}

void filter_note(int program)
{
	memset(&noted, 0, sizeof noted);
	noted.on = true;
	noted.program = program;
}

int filter_noted(void **calls, size_t *size)
{
	bool whole = noted.exported && !noted.failed;

	if (whole) {
		*calls = noted.calls;
		*size = noted.size;
	} else {
		free(noted.calls);
	}
	memset(&noted, 0, sizeof noted);
	return whole ? 0 : -1;
}

void filter_expect(const void *calls, size_t calls_size, const void *program, size_t program_size)
{
	expected.calls = expected.next = calls;
	expected.end = (const char *)calls + calls_size;
	expected.program = program;
	expected.program_size = program_size;
}

// Whatever else reads or changes the rules of a filter must find them there, and is not
// among what is noted. libcontainer calls none of these.
static void other(const scmp_filter_ctx filter)
{
	if (is_expected(filter))
		make_up_for();
	if (noted.on)
		noted.failed = true;
}

#define OTHER(name, parameters, ...) \
	int __real_##name parameters; \
	int __wrap_##name parameters \
	{ \
		other(filter); \
		return __real_##name(__VA_ARGS__); \
	}

OTHER(seccomp_load, (const scmp_filter_ctx filter), filter)
OTHER(seccomp_reset, (scmp_filter_ctx filter, uint32_t action), filter, action)
OTHER(seccomp_arch_remove, (scmp_filter_ctx filter, uint32_t architecture), filter, architecture)
OTHER(seccomp_syscall_priority, (scmp_filter_ctx filter, int syscall, uint8_t priority), filter, syscall, priority)
OTHER(seccomp_export_pfc, (const scmp_filter_ctx filter, int fd), filter, fd)

void __real_seccomp_release(scmp_filter_ctx);
void __wrap_seccomp_release(scmp_filter_ctx filter)
{
	if (is_expected(filter))
		expected.filter = NULL; // another may lie in its place
	__real_seccomp_release(filter);
}

// Since libseccomp 2.6. Nothing of ours uses it, and if it did one day, a filter that is
// noted must not get past it, or it were loaded.
__attribute__((weak)) int __real_seccomp_export_bpf_mem(const scmp_filter_ctx, void *, size_t *);
int __wrap_seccomp_export_bpf_mem(const scmp_filter_ctx filter, void *buffer, size_t *size)
{
	other(filter);
	return noted.on ? -ECANCELED : __real_seccomp_export_bpf_mem(filter, buffer, size);
}

int __real_seccomp_merge(scmp_filter_ctx, scmp_filter_ctx);
int __wrap_seccomp_merge(scmp_filter_ctx filter, scmp_filter_ctx source)
{
	other(filter);
	other(source);
	return __real_seccomp_merge(filter, source);
}
