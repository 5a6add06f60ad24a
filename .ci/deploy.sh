#!/bin/sh
# What is in deploy/, as far as it can be checked without a container engine and without systemd running.
set -u

bin=.venv/bin
failed=0

check() { # WHAT PROGRAM ARGUMENT …
    what=$1
    shift
    if ! command -v "$1" >/dev/null; then
        echo "$what is not checked: ${1##*/} is not installed"
        [ "${CI:-}" != true ] || failed=1
    elif ! said=$("$@" 2>&1); then
        printf '%s\n%s\n' "$what:" "$said"
        failed=1
    fi
}

unit=$(mktemp -d)
trap 'rm -r "$unit"' EXIT
sed "s|/opt/cdc/bin/cdc|$(realpath "$bin/cdc")|" deploy/cdc.service >"$unit/cdc.service"

check deploy/compose.yaml "$bin/check-jsonschema" --builtin-schema vendor.compose-spec deploy/compose.yaml
check deploy/Dockerfile "$bin/hadolint" deploy/Dockerfile
check deploy/cdc.service systemd-analyze verify --man=no "$unit/cdc.service"
check "deploy/cdc.service, its exposure" systemd-analyze security --offline=true --threshold=15 "$unit/cdc.service"
check deploy/prometheus.yml promtool check config deploy/prometheus.yml
if docker compose version >/dev/null 2>&1; then
    check "deploy/compose.yaml, by docker" \
        docker compose --file deploy/compose.yaml --profile demo --profile production config --quiet
fi
exit $failed
