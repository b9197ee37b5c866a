# shellcheck shell=bash
# What is done alike with every service: starting, asking, stopping.
# Uses DIR, PORT, say(), die(), process.sh and the services' own files.

START_SECONDS=${FERRY_LOCAL_START_SECONDS:-60} # until a service must answer; a first start on a busy machine takes 10 s
STOP_SECONDS=20
declare -A BEGAN=() # when each was started, or "running"

# What differs between the services, in one place; source and target are one kind.
service_run() {
    case $1 in
        postgres | kafka) "$1_run" ;;
        *) chroma_run "$1" ;;
    esac
}

service_answers() {
    service_pid "$1" >/dev/null || return 1
    case $1 in
        postgres | kafka) "$1_answers" ;;
        *) chroma_answers "$1" ;;
    esac
}

# PostgreSQL's INT disconnects its clients, its TERM would wait for them, and its QUIT ends the backends too.
service_signals() { if [[ $1 == postgres ]]; then printf 'INT QUIT KILL\n'; else printf 'TERM KILL\n'; fi; }

# wait_for_answers NAME…: asks all in turn, so that each one's time is its own. Reads BEGAN.
wait_for_answers() {
    local name failed=0 deadline=$((SECONDS + START_SECONDS)) waiting=("$@") next
    while ((${#waiting[@]})); do
        next=()
        for name in "${waiting[@]}"; do
            if service_answers "$name" && service_started "$name"; then
                continue
            elif ! service_pid "$name" >/dev/null; then
                service_failed "$name" "ended while starting"
            elif ((SECONDS > deadline)); then
                service_failed "$name" "did not answer within $START_SECONDS s"
            else
                next+=("$name")
                continue
            fi
            failed=1
        done
        waiting=(${next[@]+"${next[@]}"})
        ((${#waiting[@]} == 0)) || sleep 0.05
    done
    ((failed == 0)) || exit 3
}

service_started() {
    local time='already running'
    if [[ $1 == postgres ]]; then postgres_finish || return 1; fi
    [[ ${BEGAN[$1]} == running ]] || time=$(seconds_since "${BEGAN[$1]}")
    say "$1" ready "127.0.0.1:${PORT[$1]}  $time"
}

# Half a service helps nobody: the next up shall begin afresh.
service_failed() {
    tail -n 20 -- "$DIR/log/$1.log" >&2 || true
    printf 'compose/local: %s %s; above is the end of %s\n' "$1" "$2" "$DIR/log/$1.log" >&2
    stop_one "$1" KILL 5 || true
    rm -f -- "$DIR/run/$1.pid"
}

services_stop() {
    local name signals signal pid begin=$EPOCHREALTIME
    local -A pids=()
    # First one signal to each, so that they end at the same time.
    for name in "$@"; do
        pid=$(service_pid "$name") || continue
        pids[$name]=$pid
        read -r signals _ <<<"$(service_signals "$name")"
        kill -s "$signals" "$pid" || die "$name (pid $pid) cannot be stopped by this user"
    done
    for name in "$@"; do
        [[ -n ${pids[$name]:-} ]] || continue
        service_await_end "$name" || die "$name (pid ${pids[$name]}) does not end"
        rm -f -- "$DIR/run/$name.pid"
        say "$name" stopped "$(seconds_since "$begin")"
    done
}

# The first signal was sent; the others follow when it is ignored.
service_await_end() {
    local name=$1 signals
    read -ra signals <<<"$(service_signals "$name")"
    if stop_one "$name" 0 "$STOP_SECONDS"; then
        if [[ $name == kafka ]]; then kafka_stopped; fi
        return
    fi
    for signal in "${signals[@]:1}"; do
        printf 'compose/local: %s ignores its signal, sending %s\n' "$name" "$signal" >&2
        stop_one "$name" "$signal" 10 && return
    done
    return 1
}
