# shellcheck shell=bash
# Which port each service has: PORT in this run, SAVED in the instance's file from an earlier one.
# Uses DIR, SERVICES, die(), service_pid(), port_taken().

PORT_NAMES=(postgres kafka controller source target)
declare -A PORT=() SAVED=()
PORT_BASE=18700

port_variable() { printf 'FERRY_LOCAL_%s_PORT\n' "${1^^}"; }

# The ports a service listens on.
service_ports() { if [[ $1 == kafka ]]; then printf 'kafka\ncontroller\n'; else printf '%s\n' "$1"; fi; }

# 1 when this instance has no ports yet.
ports_read() {
    local name port
    SAVED=()
    [[ -r $DIR/ports ]] || return 1
    while read -r name port; do SAVED[$name]=$port; done <"$DIR/ports"
    for name in "${PORT_NAMES[@]}"; do
        [[ ${SAVED[$name]:-} =~ ^[0-9]+$ ]] || die "$DIR/ports is damaged; delete it"
    done
}

ports_write() {
    local name
    for name in "${PORT_NAMES[@]}"; do printf '%s %s\n' "$name" "${PORT[$name]}"; done >"$DIR/ports.new"
    mv -- "$DIR/ports.new" "$DIR/ports"
}

# Fills PORT: a service's own variable, else FERRY_LOCAL_PORT, else what the instance had, else the default.
ports_plan() {
    local base=${FERRY_LOCAL_PORT:-} name variable i=0
    if [[ $base == auto ]]; then
        if ports_saved_usable; then base=; else base=$(port_base_free) || die "no five free ports in a row"; fi
    fi
    [[ -z $base || $base =~ ^[0-9]{1,5}$ ]] || die "FERRY_LOCAL_PORT is a number or auto, not $base" 2
    for name in "${PORT_NAMES[@]}"; do
        variable=$(port_variable "$name")
        if [[ -n ${!variable:-} ]]; then
            PORT[$name]=${!variable}
        elif [[ -n $base ]]; then
            PORT[$name]=$((10#$base + i))
        else
            PORT[$name]=${SAVED[$name]:-$((PORT_BASE + i))}
        fi
        i=$((i + 1))
    done
    ports_valid
    ports_unmoved
}

# For auto: an instance keeps its ports as long as nobody else has taken one of them.
ports_saved_usable() {
    local service name
    ((${#SAVED[@]})) || return 1
    for service in "${SERVICES[@]}"; do
        ! service_pid "$service" >/dev/null || continue
        for name in $(service_ports "$service"); do ! port_taken "${SAVED[$name]}" || return 1; done
    done
}

ports_valid() {
    local name
    local -A seen=()
    for name in "${PORT_NAMES[@]}"; do
        if [[ ! ${PORT[$name]} =~ ^[1-9][0-9]{0,4}$ || ${PORT[$name]} -gt 65535 ]]; then
            die "port ${PORT[$name]} of $name is not between 1 and 65535" 2
        fi
        [[ -z ${seen[${PORT[$name]}]:-} ]] || die "$name and ${seen[${PORT[$name]}]} have the same port ${PORT[$name]}" 2
        seen[${PORT[$name]}]=$name
    done
}

# A running service cannot move.
ports_unmoved() {
    local service name
    for service in "${SERVICES[@]}"; do
        service_pid "$service" >/dev/null || continue
        for name in $(service_ports "$service"); do
            [[ ${PORT[$name]} == "${SAVED[$name]:-}" ]] ||
                die "$name runs on port ${SAVED[$name]:-unknown}; run compose/local down to move it to ${PORT[$name]}" 2
        done
    done
}

ports_check_free() {
    local name
    for name in $(service_ports "$1"); do
        ! port_taken "${PORT[$name]}" ||
            die "port ${PORT[$name]} ($name) is taken by another program; set $(port_variable "$name") or FERRY_LOCAL_PORT"
    done
}

# For looking only: what the instance has, else what it would get.
ports_known() {
    local name
    if ports_read; then
        for name in "${PORT_NAMES[@]}"; do PORT[$name]=${SAVED[$name]}; done
    elif [[ ${FERRY_LOCAL_PORT:-} == auto ]]; then
        die "no ports chosen yet; run compose/local up"
    else
        ports_plan
    fi
}
