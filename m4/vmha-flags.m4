dnl SPDX-License-Identifier: GPL-2.0-or-later
dnl
dnl VMHA_PROBE_CFLAG(VARIABLE, FLAG): add FLAG to VARIABLE when the compiler and linker take it
AC_DEFUN([VMHA_PROBE_CFLAG], [
	AS_VAR_PUSHDEF([cache], [vmha_cv_cflag_$2])
	AC_CACHE_CHECK([whether $CC takes $2], [cache], [
		vmha_save_CFLAGS=$CFLAGS
		CFLAGS="$CFLAGS -Werror $2"
		AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <string.h>]], [[char b[64]; memset(b, 0, sizeof b); return b[1];]])],
			[AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
		CFLAGS=$vmha_save_CFLAGS
	])
	AS_VAR_IF([cache], [yes], [$1="$$1 $2"])
	AS_VAR_POPDEF([cache])
])

AC_DEFUN([VMHA_PROBE_LDFLAG], [
	AS_VAR_PUSHDEF([cache], [vmha_cv_ldflag_$2])
	AC_CACHE_CHECK([whether the linker takes $2], [cache], [
		vmha_save_LDFLAGS=$LDFLAGS
		LDFLAGS="$LDFLAGS $2"
		AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
			[AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
		LDFLAGS=$vmha_save_LDFLAGS
	])
	AS_VAR_IF([cache], [yes], [$1="$$1 $2"])
	AS_VAR_POPDEF([cache])
])

AC_DEFUN([VMHA_WARNINGS], [
	AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [treat warnings as errors])],
		[], [enable_werror=no])
	WARN_CFLAGS="-std=gnu11"
	m4_foreach_w([flag], [-Wall -Wextra -Wshadow -Wformat=2 -Wundef -Wcast-qual -Wpointer-arith
		-Wwrite-strings -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
		-Wredundant-decls -Wvla -Wswitch-enum -Wlogical-op -Wduplicated-cond -Wduplicated-branches
		-Wnull-dereference -Wimplicit-fallthrough -Wno-missing-field-initializers],
		[VMHA_PROBE_CFLAG([WARN_CFLAGS], m4_defn([flag]))])
	AS_VAR_IF([enable_werror], [yes], [WARN_CFLAGS="$WARN_CFLAGS -Werror"])
	AC_SUBST([WARN_CFLAGS])
])

AC_DEFUN([VMHA_HARDENING], [
	AC_ARG_ENABLE([hardening], [AS_HELP_STRING([--disable-hardening], [no hardening flags])],
		[], [enable_hardening=yes])
	HARDEN_CFLAGS= HARDEN_LDFLAGS=
	AS_VAR_IF([enable_hardening], [yes], [
		m4_foreach_w([flag], [-fstack-protector-strong -fstack-clash-protection -fcf-protection
			-fPIE],
			[VMHA_PROBE_CFLAG([HARDEN_CFLAGS], m4_defn([flag]))])
		m4_foreach_w([flag], [-pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed],
			[VMHA_PROBE_LDFLAG([HARDEN_LDFLAGS], m4_defn([flag]))])
		dnl needs optimisation, and must not be defined twice
		AS_CASE([" $CFLAGS $CPPFLAGS "], [*_FORTIFY_SOURCE*|*" -O0 "*], [],
			[HARDEN_CFLAGS="$HARDEN_CFLAGS -D_FORTIFY_SOURCE=2"])
	])
	AC_SUBST([HARDEN_CFLAGS])
	AC_SUBST([HARDEN_LDFLAGS])
])

AC_DEFUN([VMHA_SANITIZERS], [
	AC_ARG_WITH([sanitizers], [AS_HELP_STRING([--with-sanitizers=LIST], [address,undefined or thread])],
		[], [with_sanitizers=no])
	SANITIZE_FLAGS=
	AS_CASE([$with_sanitizers],
		[no], [],
		[address|undefined|address,undefined|thread],
		[SANITIZE_FLAGS="-fsanitize=$with_sanitizers -fno-omit-frame-pointer -fno-sanitize-recover=all"
		 HARDEN_CFLAGS=$(AS_ECHO(["$HARDEN_CFLAGS"]) | $SED 's/-D_FORTIFY_SOURCE=2//')],
		[AC_MSG_ERROR([--with-sanitizers takes address, undefined, address,undefined or thread])])
	dnl apart, the second library knows nothing of the first one's log_path
	AS_CASE([$with_sanitizers], [address,undefined],
		[SANITIZE_FLAGS="$SANITIZE_FLAGS -static-libasan -static-libubsan"])
	AC_SUBST([SANITIZE_FLAGS])
])
