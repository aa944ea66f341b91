#ifndef BLACKHOLE_FILTER_CALLS_H
#define BLACKHOLE_FILTER_CALLS_H

#include <stddef.h>

// From here on the calls that this thread makes a filter of are noted, and its program
// is written to the descriptor instead of where it is to be exported to, which fails.
void filter_note(int program);

// Ends that. Returns 0, and memory that the caller frees, if a program was written of
// which all calls were noted, or -1.
int filter_noted(void **calls, size_t *size);

// The next filter of this process is most likely made by these calls, and its export is
// this program then. Both stay the caller's and must stay as they are.
void filter_expect(const void *calls, size_t calls_size, const void *program, size_t program_size);

#endif
