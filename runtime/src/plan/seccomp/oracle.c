/* Compiles a profile with libseccomp, as runc would, and writes the BPF to standard output.
 *
 * Standard input: `default ACTION`, `only ARCH`, `rule ACTION CALL N [INDEX OP A B]...`, with
 * actions and operators as libseccomp's numbers. Built by the test where libseccomp is there. */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(int rc, const char *what, const char *name)
{
	/* EEXIST: the native architecture is there already. With a rule it is a contradiction. */
	if (rc < 0 && (rc != -EEXIST || !strcmp(what, "rule"))) {
		fprintf(stderr, "%s %s: %s\n", what, name, strerror(-rc));
		exit(1);
	}
}

int main(void)
{
	char word[64], name[64];
	unsigned int action, count;
	scmp_filter_ctx ctx = NULL;

	while (scanf("%63s", word) == 1) {
		if (!strcmp(word, "default")) {
			if (scanf("%u", &action) != 1 || !(ctx = seccomp_init(action)))
				return 2;
		} else if (!strcmp(word, "only")) {
			if (scanf("%63s", name) != 1)
				return 2;
			uint32_t arch = seccomp_arch_resolve_name(name);
			check(seccomp_arch_add(ctx, arch), word, name);
			if (arch != seccomp_arch_native())
				check(seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE), word, name);
		} else {
			struct scmp_arg_cmp args[6];
			if (scanf("%u %63s %u", &action, name, &count) != 3 || count > 6)
				return 2;
			for (unsigned int i = 0; i < count; i++) {
				unsigned int index, op;
				unsigned long long a, b;
				if (scanf("%u %u %llu %llu", &index, &op, &a, &b) != 4)
					return 2;
				args[i] = (struct scmp_arg_cmp){index, op, a, b};
			}
			int nr = seccomp_syscall_resolve_name(name);
			if (nr != __NR_SCMP_ERROR)
				check(seccomp_rule_add_array(ctx, action, nr, count, args), word, name);
		}
	}
	check(ctx ? seccomp_export_bpf(ctx, 1) : -22, "export", "bpf");
	return 0;
}
