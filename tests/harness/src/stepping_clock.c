/* Shifts CLOCK_REALTIME for the program that this is preloaded into, by as many nanoseconds as the first eight bytes of the
 * file that GATEWAY_TEST_CLOCK names say at the moment. The machine's clock stays as it is.
 *
 * Programs read clocks through the vDSO, without the C library in between perhaps, so it is the vDSO's function that is
 * replaced, in this process's own copy of the page. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef __x86_64__
#error "the jump below is one of x86-64"
#endif

static const volatile int64_t *offset_ns;

static void fail(const char *what)
{
    fprintf(stderr, "stepping clock: %s: %s\n", what, strerror(errno));
    abort();
}

/* Stands for the vDSO's function: the kernel's clock, shifted if it is the wall's. */
static long clock_gettime_shifted(long clock, struct timespec *time)
{
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"((long)SYS_clock_gettime), "D"(clock), "S"(time)
                     : "rcx", "r11", "memory");
    if (result == 0 && clock == CLOCK_REALTIME) {
        int64_t ns = (int64_t)time->tv_sec * 1000000000 + time->tv_nsec + *offset_ns;
        time->tv_sec = ns / 1000000000;
        time->tv_nsec = ns % 1000000000;
    }
    return result;
}

/* Where the vDSO has the function of that name. */
static uintptr_t vdso_function(const char *name, size_t bytes_min)
{
    const uint8_t *base = (const uint8_t *)getauxval(AT_SYSINFO_EHDR);
    if (base == NULL)
        return 0;
    const Elf64_Ehdr *head = (const Elf64_Ehdr *)base;
    const Elf64_Shdr *sections = (const Elf64_Shdr *)(base + head->e_shoff);
    for (int at = 0; at < head->e_shnum; at++) {
        if (sections[at].sh_type != SHT_DYNSYM)
            continue;
        const Elf64_Sym *symbols = (const Elf64_Sym *)(base + sections[at].sh_offset);
        const char *names = (const char *)base + sections[sections[at].sh_link].sh_offset;
        for (size_t of = 0; of < sections[at].sh_size / sizeof *symbols; of++)
            if (strcmp(names + symbols[of].st_name, name) == 0 && symbols[of].st_size >= bytes_min)
                return (uintptr_t)base + symbols[of].st_value;
    }
    return 0;
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("GATEWAY_TEST_CLOCK");
    int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        fail("GATEWAY_TEST_CLOCK names no file");
    void *page = mmap(NULL, sizeof *offset_ns, PROT_READ, MAP_SHARED, file, 0);
    if (page == MAP_FAILED)
        fail("the file cannot be mapped");
    close(file);
    offset_ns = page;

    /* movabs rax, clock_gettime_shifted; jmp rax */
    uint8_t jump[12] = {0x48, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xE0};
    uintptr_t shifted = (uintptr_t)clock_gettime_shifted;
    memcpy(jump + 2, &shifted, sizeof shifted);
    uintptr_t function = vdso_function("__vdso_clock_gettime", sizeof jump);
    if (function == 0)
        fail("the vDSO has no __vdso_clock_gettime");
    /* As a debugger sets a breakpoint: the page is made this process's own. */
    int memory = open("/proc/self/mem", O_WRONLY | O_CLOEXEC);
    if (memory < 0 || pwrite(memory, jump, sizeof jump, (off_t)function) != (ssize_t)sizeof jump)
        fail("the vDSO cannot be replaced");
    close(memory);
}
