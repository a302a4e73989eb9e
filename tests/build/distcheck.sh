#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=3000 weight=0
# The release tarball builds out of tree, passes its tests, installs and uninstalls cleanly.
set -euo pipefail

mkdir build
cd build
"$VMHA_SRC/configure" --quiet --prefix=/usr --sysconfdir=/etc --localstatedir=/var
make -s -j "$(nproc)" distcheck DISTCHECK_CONFIGURE_FLAGS=--enable-werror
make -s distclean
