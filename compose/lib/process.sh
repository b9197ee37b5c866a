# shellcheck shell=bash
# Processes that outlive the shell, known again by pid, start time and boot; and ports.
# Uses DIR, PORT.

# process_birth PID: start time in ticks since boot; fails for a dead process, and a zombie is dead.
process_birth() {
    local stat fields
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    # The name in parentheses may hold anything, so count from behind it: state is field 3 of stat, the start time 22.
    read -ra fields <<<"${stat##*) }"
    [[ ${fields[0]} != [ZX] ]] && printf '%s\n' "${fields[19]}"
}

boot_id() { printf '%s\n' "$(</proc/sys/kernel/random/boot_id)"; }

# processes_in FOLDER: the pids of those whose working folder it is.
processes_in() {
    local process folder
    find /proc -mindepth 2 -maxdepth 2 -name cwd -printf '%h\t%l\n' 2>/dev/null |
        while IFS=$'\t' read -r process folder; do
            if [[ $folder == "$1" ]]; then printf '%s\n' "${process#/proc/}"; fi
        done
}

# service_pid NAME: prints the pid if that very process still runs. A recycled pid has another birth or another boot.
service_pid() {
    local pid birth boot
    { read -r pid birth boot <"$DIR/run/$1.pid"; } 2>/dev/null || return 1
    [[ $boot == "$(boot_id)" && $birth == "$(process_birth "$pid")" ]] && printf '%s\n' "$pid"
}

service_pid_write() {
    local file=$DIR/run/$1.pid
    printf '%s %s %s\n' "$2" "$(process_birth "$2" || printf gone)" "$(boot_id)" >"$file.new"
    mv -- "$file.new" "$file"
}

# A service must not hold the caller's pipes open, nor our lock.
close_inherited() {
    local fd
    for fd in "/proc/$BASHPID/fd"/*; do
        fd=${fd##*/}
        ((fd < 3 || fd == 255)) || { exec {fd}>&-; } 2>/dev/null
    done
}

# service_spawn NAME COMMAND…: COMMAND is a function that prepares what it must and ends in run_clean; both its parts run
# in the background, so that a first start of one service does not wait for that of another.
service_spawn() {
    local name=$1 log=$DIR/log/$1.log
    shift
    if [[ -f $log && $(stat -c %s -- "$log") -gt 10000000 ]]; then mv -- "$log" "$log.1"; fi
    (
        close_inherited
        umask 077
        cd /
        "$@"
    ) </dev/null >>"$log" 2>&1 &
    service_pid_write "$name" "$!"
}

# The environment of everything we run against the services: the caller's PG*, CHROMA_*, proxies and start-up files do
# not reach it, and signals the caller ignores work again.
CLEAN=(env -i --default-signal "PATH=$PATH" HOME=/nonexistent LC_ALL=C.UTF-8 NO_COLOR=1)

# run_clean COMMAND…: becomes COMMAND, in a session of its own.
run_clean() { exec setsid "${CLEAN[@]}" "$@"; }

# stop_one NAME SIGNAL SECONDS: true when it is gone.
stop_one() {
    local pid deadline=$((SECONDS + $3))
    pid=$(service_pid "$1") || return 0
    kill -s "$2" "$pid" 2>/dev/null || { service_pid "$1" >/dev/null || return 0; }
    while ((SECONDS <= deadline)); do
        service_pid "$1" >/dev/null || return 0
        sleep 0.05
    done
    return 1
}

# port_taken PORT: does anything on this machine listen on it, on whatever address?
port_taken() {
    local hex
    printf -v hex '%04X' "$1"
    awk -v port="$hex" '$4 == "0A" && $2 ~ ":" port "$" { found = 1; exit } END { exit !found }' \
        /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# The first of five free ports in a row, below the range that outgoing connections use.
port_base_free() {
    local base try i
    for ((try = 0; try < 200; try++)); do
        base=$((20000 + RANDOM % 1000 * 10))
        for i in 0 1 2 3 4; do port_taken $((base + i)) && continue 2; done
        printf '%s\n' "$base"
        return
    done
    return 1
}
