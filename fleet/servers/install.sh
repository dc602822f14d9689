#!/bin/sh
# Install server packages as root and leave no service running or enabled that was not before:
#   sudo sh install.sh rabbitmq-server redis-server postgresql
set -eu

command -v apt-get >/dev/null || { echo "no apt-get here: install $* with this system's package manager" >&2; exit 1; }

policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/farelark.conf

# --root=/ looks at this system's files: the answer is the same in a container where systemd does not run.
enabled_units() {
    command -v systemctl >/dev/null || return 0
    systemctl --root=/ list-unit-files --state=enabled --no-legend --no-pager | awk '{print $1}' | sort
}

disable() {
    systemctl --root=/ --quiet disable "$1"
    [ ! -d /run/systemd/system ] || systemctl --quiet stop "$1"
}

restore() {
    [ -z "${our_policy:-}" ] || rm -f "$policy"
    rm -f "$cluster"
    enabled_units | comm -13 "$before" - | while read -r unit; do disable "$unit"; done
    rm -f "$before"
}

before=$(mktemp)
enabled_units >"$before"
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Debian starts what it installs, unless this script says no.
if [ ! -e "$policy" ]; then
    our_policy=yes
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
# PostgreSQL's packages make a system-wide cluster, unless told not to.
mkdir -p "${cluster%/*}"
echo "create_main_cluster = false" >"$cluster"

export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=300 -qq update || echo "apt-get update failed; trying with the lists that are here" >&2
apt-get -o DPkg::Lock::Timeout=300 -qq install -y --no-install-recommends "$@"
