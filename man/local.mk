# SPDX-License-Identifier: GPL-2.0-or-later
dist_man_MANS += man/vmha.8 man/vmha-node.8 man/vmha-vm.8 man/ocf_vmha_vm.7
dist_man_MANS += man/vmha-volume.8 man/ocf_vmha_csv.7
dist_man_MANS += man/vmha-lab.8
dist_man_MANS += man/vmha-cluster.8 man/vmha-drain.8 man/vmha-migrate.8 man/vmha-network.8
dist_man_MANS += man/vmha-clusterd.8
dist_man_MANS += man/vmha-config.8 man/vmha-events.8
