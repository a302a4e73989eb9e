# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Configuration of a node: the cluster's (corosync, first CIB) and the host's.  Files are written
# into the node's /etc and /var before its first boot where no program of the node is needed.

# The id in corosync is the node's number, unless it was added with another one.
corosync_id() {
	printf '%s' "${CONFIG[nodeid$1]:-$1}"
}

# Both links carry everything (active): a passive second link takes over only after half a token's
# timeout and more, and on a busy machine with a token of 500 ms the node is lost with its first link.
#
# Without KVM a machine's only processor is slow and late: a longer token, and no real-time scheduling,
# which would keep it from everything else.
conf_corosync() {
	local id token=500
	! is_vm || token=3000
	cat <<-C
	totem {
	  version: 2
	  cluster_name: $LAB_NAME
	  transport: knet
	  crypto_cipher: aes256
	  crypto_hash: sha256
	  link_mode: active
	  ip_version: ipv4
	  token: $token
	  token_coefficient: 0
	  interface {
	    linknumber: 0
	  }
	  interface {
	    linknumber: 1
	  }
	}
	nodelist {
	C
	for id in $(node_ids); do
		cat <<-C
		  node {
		    name: node$id
		    nodeid: $(corosync_id "$id")
		    ring0_addr: $LAB_SUBNET.1.$id
		    ring1_addr: $LAB_SUBNET.4.$id
		  }
		C
	done
	cat <<-C
	}
	$(! is_vm || printf 'system {\n  sched_rr: no\n}')
	quorum {
	  provider: corosync_votequorum
	  expected_votes: ${CONFIG[nodes]}
	$([[ ${CONFIG[nodes]} != 2 ]] || echo "  two_node: 1")
	}
	logging {
	  to_logfile: yes
	  logfile: /var/log/corosync/corosync.log
	  to_syslog: no
	  to_stderr: no
	  timestamp: hires
	}
	C
}

# The first CIB is in place before pacemaker starts, so that the first election waits
# dc-deadtime=5s instead of 20 s, and fencing is on from the first moment.
conf_cib() {
	local id list='' stonith_timeout=20s
	! is_vm || stonith_timeout=60s
	for id in $(node_ids); do
		list+="node$id "
	done
	cat <<-C
	<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0">
	  <configuration>
	    <crm_config>
	      <cluster_property_set id="cib-bootstrap-options">
	        <nvpair id="cib-bootstrap-options-stonith-enabled" name="stonith-enabled" value="true"/>
	        <nvpair id="cib-bootstrap-options-dc-deadtime" name="dc-deadtime" value="5s"/>
	        <nvpair id="cib-bootstrap-options-stonith-timeout" name="stonith-timeout" value="$stonith_timeout"/>
	        <nvpair id="cib-bootstrap-options-cluster-name" name="cluster-name" value="$LAB_NAME"/>
	      </cluster_property_set>
	    </crm_config>
	    <nodes>
	$(for id in $(node_ids); do echo "      <node id=\"$id\" uname=\"node$id\"/>"; done)
	    </nodes>
	    <resources>
	      <primitive id="power" class="stonith" type="fence_vmha_lab">
	        <instance_attributes id="power-params">
	          <nvpair id="power-host-check" name="pcmk_host_check" value="static-list"/>
	          <nvpair id="power-host-list" name="pcmk_host_list" value="${list% }"/>
	        </instance_attributes>
	        <operations>
	          <op id="power-monitor" name="monitor" interval="60s" timeout="15s"/>
	        </operations>
	      </primitive>
	    </resources>
	    <constraints/>
	    <rsc_defaults>
	      <meta_attributes id="rsc-options">
	        <nvpair id="rsc-options-resource-stickiness" name="resource-stickiness" value="100"/>
	      </meta_attributes>
	    </rsc_defaults>
	  </configuration>
	  <status/>
	</cib>
	C
}

conf_hosts() {
	local id
	printf '127.0.0.1\tlocalhost\n'
	for id in $(node_ids); do
		printf '%s.1.%s\tnode%s\n%s.2.%s\tnode%s-mig\n%s.3.%s\tnode%s-pub\n%s.4.%s\tnode%s-mgt\n' \
			"$LAB_SUBNET" "$id" "$id" "$LAB_SUBNET" "$id" "$id" \
			"$LAB_SUBNET" "$id" "$id" "$LAB_SUBNET" "$id" "$id"
	done
}

# conf_lab ID: what all nodes of a cluster share, made once in the lab's state directory.
conf_make_shared() {
	mkdir -p "$LAB_STATE/conf"
	conf_corosync >"$LAB_STATE/conf/corosync.conf"
	conf_cib >"$LAB_STATE/conf/cib.xml"
	conf_hosts >"$LAB_STATE/conf/hosts"
	corosync-keygen -l -k "$LAB_STATE/conf/authkey" -s 256 >/dev/null
	conf_make_ca
}

conf_make_ca() {
	local ca=$LAB_STATE/conf/ca
	certtool --generate-privkey --key-type=rsa --bits 2048 --outfile "$ca.key" 2>/dev/null
	printf 'cn = "vmha lab %s"\nca\ncert_signing_key\nexpiration_days = 3650\n' "$LAB_NAME" >"$ca.tmpl"
	certtool --generate-self-signed --load-privkey "$ca.key" --template "$ca.tmpl" \
		--outfile "$ca.pem" 2>/dev/null || die "cannot make the lab's certificate authority"
}

# What all nodes of a cluster share, made again after a node has come or is to go, on those that run.
conf_exchange() {
	local id
	conf_corosync >"$LAB_STATE/conf/corosync.conf"
	conf_hosts >"$LAB_STATE/conf/hosts"
	for id in $(node_ids); do
		node_is_on "$id" || continue
		node_enter "$id" sh -c 'cat >/etc/corosync/corosync.conf' <"$LAB_STATE/conf/corosync.conf"
		node_enter "$id" sh -c 'cat >/etc/hosts' <"$LAB_STATE/conf/hosts"
	done
	node_enter 1 corosync-cfgtool -R >/dev/null || die "corosync does not read its new configuration"
}

# The nodes that the fence device may switch.
conf_power() {
	local id list=''
	for id in $(node_ids); do
		list+="node$id "
	done
	node_enter 1 crm_resource --resource power --set-parameter pcmk_host_list \
		--parameter-value "${list% }" >/dev/null || die "the power switch's list cannot be changed"
}

# conf_write ID: the files of a node that no program of the node has to make; before its first boot.
conf_write() {
	local etc=$LAB_STATE/node$1/etc var=$LAB_STATE/node$1/var conf=$LAB_STATE/conf
	mkdir -p "$etc/corosync" "$var/lib/pacemaker/cib"
	install -m 644 "$conf/corosync.conf" "$etc/corosync/corosync.conf"
	install -m 400 "$conf/authkey" "$etc/corosync/authkey"
	install -m 644 "$conf/hosts" "$etc/hosts"
	install -m 600 -o hacluster -g haclient "$conf/cib.xml" "$var/lib/pacemaker/cib/cib.xml"
	printf '%s\n' "$(printf '%s/node%s' "$LAB_NAME" "$1" | md5sum | cut -c1-32)" >"$etc/machine-id"
	echo "node$1" >"$etc/hostname"
}

# What differs only because it is a lab node: QEMU runs as root, without cgroups, security driver or
# mount namespace of its own, as a lab node has neither the rights nor the kernel interfaces for these.
LAB_ONLY_SETTINGS=(
	'qemu.conf:security_driver="none"'
	'qemu.conf:user="root"'
	'qemu.conf:group="root"'
	'qemu.conf:dynamic_ownership=0'
	'qemu.conf:remember_owner=0'
	'qemu.conf:namespaces=[]'
	'qemu.conf:cgroup_controllers=[]'
	'qemu.conf:stdio_handler="file"'
	'libvirtd.conf:log_outputs="2:file:/var/log/libvirt/libvirtd.log"'
)

# conf_host ID: the host's configuration, by the product's own command in the node; the node is on.
conf_host() {
	local id=$1 setting args=()
	for setting in "${LAB_ONLY_SETTINGS[@]}"; do
		args+=(--set "$setting")
	done
	node_enter "$id" sh -c 'umask 077; cat >/run/vmha-lab/ca.pem' <"$LAB_STATE/conf/ca.pem" || return 1
	node_enter "$id" sh -c 'umask 077; cat >/run/vmha-lab/ca.key' <"$LAB_STATE/conf/ca.key" || return 1
	node_enter "$id" vmha node setup --yes --migration-address "$LAB_SUBNET.2.$id" \
		--ca-cert /run/vmha-lab/ca.pem --ca-key /run/vmha-lab/ca.key \
		--sanlock-host-name "node$id" --host-uuid auto "${args[@]}" \
		>"$LAB_STATE/node$id/setup.log" 2>&1 || {
		cat "$LAB_STATE/node$id/setup.log" >&2
		return 1
	}
	# libvirt's default network needs NAT, and the key of the CA has no business on a node
	node_enter "$id" sh -c 'rm -f /run/vmha-lab/ca.* /etc/libvirt/qemu/networks/autostart/*'
}
