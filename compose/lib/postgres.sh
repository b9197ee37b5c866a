# shellcheck shell=bash
# A private PostgreSQL: own data folder, own port, trust on loopback, superuser "postgres", role and database "ferry".
# Uses DIR, PORT, COMPOSE, CLEAN, tool_postgres().

# The server refuses to run as root; Debian's package brings the user it runs as then.
postgres_user() { ((EUID != 0)) || printf 'postgres\n'; }

as_postgres() {
    if ((EUID == 0)); then
        setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
    else
        "$@"
    fi
}

# Where the data is. As root the server's user must be able to get there, which it cannot below, say, /root: then the data
# is in that user's home, under a name made from DIR, and a file in DIR says so.
postgres_data() {
    if [[ -f $DIR/conf/postgres.data ]]; then
        cat -- "$DIR/conf/postgres.data"
    elif ((EUID != 0)) || as_postgres test -x "$DIR/data"; then
        printf '%s\n' "$DIR/data/postgres"
    else
        printf '%s/chroma-ferry-%s\n' "$(getent passwd postgres | cut -d: -f6)" "$(cksum <<<"$DIR" | cut -d' ' -f1)"
    fi
}

# Before the start, in the foreground, where a person sees what is said.
postgres_prepare() {
    local data
    if ((EUID == 0)) && ! getent passwd postgres >/dev/null; then
        die "PostgreSQL does not run as root and there is no user postgres; run as an ordinary user"
    fi
    data=$(postgres_data)
    if [[ $data != "$DIR/data/postgres" && ! -f $DIR/conf/postgres.data ]]; then
        # Left by an instance in a folder of this name that was deleted by hand.
        rm -rf -- "$data"
        printf '%s\n' "$data" >"$DIR/conf/postgres.data"
        printf 'postgres  data in %s, since user postgres cannot enter %s\n' "$data" "$DIR"
    fi
}

# A postmaster that was killed leaves backends, which no new server may join. Idle ones end by themselves, one that
# computes does not. They are known by their working folder, which is the data folder.
postgres_clear_remains() {
    local data=$1 try pids
    [[ -f $data/postmaster.pid ]] || return 0
    for ((try = 0; try < 100; try++)); do
        mapfile -t pids < <(processes_in "$data")
        ((${#pids[@]})) || break
        if ((try == 10)); then kill -s KILL "${pids[@]}" 2>/dev/null || true; fi
        sleep 0.1
    done
    # With nobody left in there, these are stale. The server would refuse to start if the pid in them is taken by now, by
    # some innocent process after a reboot or by its own zombie.
    rm -f -- "$data/postmaster.pid" "$data"/.s.PGSQL.*
}

postgres_run() {
    local data bin new
    data=$(postgres_data)
    if [[ ! -d $data ]]; then
        bin=$(tool_postgres)
        rm -rf -- "$data".new.*
        new=$(mktemp -d "$data.new.XXXXXX")
        if ((EUID == 0)); then chown postgres: "$new"; fi
        as_postgres "${CLEAN[@]}" "$bin/initdb" -D "$new" -U postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8
        mv -T -- "$new" "$data"
    fi
    bin=$(tool_postgres "$(<"$data/PG_VERSION")") || {
        printf 'the data is of PostgreSQL %s, whose programs are gone: install postgresql-%s, or compose/local reset\n' \
            "$(<"$data/PG_VERSION")" "$(<"$data/PG_VERSION")"
        exit 3
    }
    postgres_clear_remains "$data"
    # The socket is in the data folder, named relative to it: the whole path might be longer than the 107 bytes a socket's
    # may have, and a comma in it would separate folders.
    set -- "$bin/postgres" -D "$data" -c listen_addresses=127.0.0.1 -c "port=${PORT[postgres]}" \
        -c unix_socket_directories=.
    if ((EUID == 0)); then set -- setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"; fi
    run_clean "$@"
}

postgres_psql() {
    "${CLEAN[@]}" PGCONNECT_TIMEOUT=2 PGSSLMODE=disable psql -X -q -At -v ON_ERROR_STOP=1 \
        -h 127.0.0.1 -p "${PORT[postgres]}" -U postgres -d postgres "$@" </dev/null
}

postgres_answers() { [[ $(postgres_psql -c 'select 1' 2>/dev/null) == 1 ]]; }

postgres_finish() { postgres_psql -f "$COMPOSE/postgres.sql" >/dev/null; }

postgres_remove() {
    local data
    data=$(postgres_data)
    [[ $data == "$DIR/data/postgres" ]] || rm -rf -- "$data" "$data".new.*
}
