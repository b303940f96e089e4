// header_system.c - no name of a field or an option is a macro of some system's headers, which
// would come between the declarations and the code that uses them. Each is defined after the
// header, so that options_c11.c, which names the fields, can't compile if it has one of them.

#include "../gwt.h"

// glibc and AIX: the calls whose files have 64-bit sizes; sys/sysmacros.h; POSIX; GNU dialects of C
#define stat stat64
#define fstat fstat64
#define lseek lseek64
#define major gnu_dev_major
#define minor gnu_dev_minor
#define makedev gnu_dev_makedev
#define errno (*errno_location())
#define unix 1
#define linux 1
#define sun 1
#define mips 1
// Windows: windef.h, rpcndr.h, winuser.h; and what wincon.h and wingdi.h take
#define near
#define far
#define small char
#define hyper long
#define interface struct
#define cdecl
#define pascal
#define environ _environ
// complex.h, stdalign.h, setjmp.h, signal.h
#define complex _Complex
#define imaginary _Imaginary
#define I _Complex_I
#define alignas _Alignas
#define setjmp(env) _setjmp(env)
#define sa_handler handlers.handler
// termios.h and curses.h, stropts.h
#define stdscr screen
#define LINES lines

#define options_c11 header_system
#include "options_c11.c"
