# shellcheck shell=bash
# For the scripts beside it: how a release binary is built. Sourced, not run.
#
# The same commit gives the same bytes on every machine: no paths, no host, no
# time of its own go in. VERSION and SOURCE_DATE_EPOCH are taken from git unless
# they are set.

VERSION=${VERSION:-$(git describe --tags --match 'v*' 2>/dev/null | sed 's/^v//; s/-\([0-9]*\)-g/+\1.g/' || true)}
VERSION=${VERSION:-0.0.0+$(git rev-parse --short=12 HEAD)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export VERSION SOURCE_DATE_EPOCH

# build_logmeter OUT [GOARCH [TAGS]] builds the command into the file OUT.
build_logmeter() {
	CGO_ENABLED=0 GOOS=linux GOARCH=${2:-$(go env GOARCH)} \
		go build -trimpath -buildvcs=false -tags "${3:-}" \
		-ldflags "-s -w -buildid= -X main.version=$VERSION" -o "$1" ./cmd/logmeter
}

# missing PROGRAM… names those that aren't there.
missing() {
	local p
	for p; do command -v "$p" >/dev/null || printf '%s ' "$p"; done
}
