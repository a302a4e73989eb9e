# SPDX-License-Identifier: GPL-2.0-or-later
# clusterd, the daemon of every node.
