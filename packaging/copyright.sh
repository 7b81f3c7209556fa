#!/bin/sh
# The licences of what is linked into gorun: their texts go with a binary.
set -e
echo "gorun is linked with Go's standard library and the modules below, each under its own licence."
{
	printf '%s\t%s\n' "Go, $(go env GOVERSION)" "$(go env GOROOT)"
	go list -deps -tags "$1" -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{"\t"}}{{.Dir}}{{end}}{{end}}' ./cmd/gorun | sort -u
} | while IFS="$(printf '\t')" read -r name dir; do
	printf '\n== %s ==\n\n' "$name"
	found=
	for file in "$dir"/LICENSE* "$dir"/COPYING* "$dir"/NOTICE*; do
		[ ! -f "$file" ] || { found=1; cat "$file"; }
	done
	[ -n "$found" ] || { echo "$name has no licence in $dir" >&2; exit 1; }
done
