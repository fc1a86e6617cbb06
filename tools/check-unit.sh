#!/bin/sh
# Checks the systemd unit: every line understood, exposure at most 1.5 of 10.
set -eu

if ! command -v systemd-analyze >/dev/null 2>&1; then
	echo "check-unit: systemd-analyze is missing (Debian package systemd); make test-deps installs it" >&2
	exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The program itself need not be installed: any program that is there stands in.
sed 's,/usr/bin/issuetrail,/bin/true,' systemd/issuetrail.service >"$work/issuetrail.service"
mkdir "$work/issuetrail.service.d"

verify() {
	# verify complains on stderr and exits 0 about a line it does not know.
	said=$(systemd-analyze verify --man=no "$work/issuetrail.service" 2>&1 | grep -F issuetrail || true)
	[ -z "$said" ] || { echo "$said" >&2; exit 1; }
	systemd-analyze security --offline=true --no-pager --threshold=15 "$work/issuetrail.service" >"$work/out" ||
		{ cat "$work/out" >&2; exit 1; }
	tail -n 1 "$work/out"
}

verify
sed 's,/usr/bin/issuetrail,/bin/true,' systemd/issuetrail-credentials.conf >"$work/issuetrail.service.d/credentials.conf"
verify
