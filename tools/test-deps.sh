#!/bin/sh
# Installs the programs that the tests run: a real sshd, git and PostgreSQL, systemd's own
# check of the unit; of git hosts Gitolite, gitweb, cgit, and Groovy for GitBlit's script.
# Does nothing when all are there. Services are not started.
set -eu

missing=""

# need PACKAGE FILE…: one of the files, or a program of that name in PATH, is enough.
need() {
	package=$1
	shift
	for file; do
		[ -x "$file" ] && return
		command -v "$file" >/dev/null 2>&1 && return
	done
	missing="$missing $package"
}

find_deps() {
	missing=""
	need git git
	need openssh-client ssh-keygen
	need openssh-server sshd /usr/sbin/sshd
	# A PATH seldom holds PostgreSQL's server programs; distributions keep one folder a version.
	need postgresql initdb /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb /usr/libexec/postgresql*/initdb
	need openssl openssl
	need putty-tools puttygen # .ppk keys
	need curl curl
	need dash dash # hooks/post-receive is tried under the plainest sh
	need gitolite3 gitolite
	need gitweb /usr/lib/cgi-bin/gitweb.cgi /usr/share/gitweb/gitweb.cgi
	need cgit /usr/lib/cgit/cgit.cgi /var/www/cgi-bin/cgit
	need groovy groovy
	need default-jre-headless java # before groovy asks for a JRE with a screen
	perl -MCGI -e 1 >/dev/null 2>&1 || missing="$missing libcgi-pm-perl" # gitweb's
	need systemd systemd-analyze
	need gcc gcc cc # the race detector needs cgo, the program does not
	[ -e /usr/include/stdlib.h ] || missing="$missing libc6-dev"
}

# quiet_services keeps the packages from starting an sshd or a PostgreSQL on this
# machine: the tests start their own, on loopback and on free ports.
quiet_services() {
	policy=/usr/sbin/policy-rc.d
	[ -e "$policy" ] && return
	$sudo sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy"
	trap '$sudo rm -f "$policy"' EXIT
}

# sshd as root wants its empty folder, which a service that never ran did not make.
privsep_folder() {
	if [ "$(id -u)" = 0 ] && [ ! -d /run/sshd ]; then mkdir -p -m 0755 /run/sshd; fi
}

find_deps
[ -n "$missing" ] || { privsep_folder; exit 0; }

sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
if ! command -v apt-get >/dev/null 2>&1 || { [ -n "$sudo" ] && ! command -v sudo >/dev/null 2>&1; }; then
	echo "test-deps: please install what these Debian packages hold:$missing" >&2
	exit 1
fi
echo "test-deps: installing$missing"
quiet_services
$sudo apt-get -q update
# shellcheck disable=SC2086 # a list of words
$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $missing
find_deps
[ -z "$missing" ] || { echo "test-deps: still missing after the installation:$missing" >&2; exit 1; }
privsep_folder
