# PostgreSQL: plain, behind TLS with passwords and client certificates, and behind PgBouncer in transaction mode.
# Sourced by `up`. Started again on the same DIR, each keeps its port and its data.
names+=(postgres postgres_tls pgbouncer)

# Debian keeps the server's programs off the PATH; the newest version counts.
postgres_bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)

# as_postgres COMMAND…: neither server runs as root, so root becomes somebody else. It execs: the pid stays.
as_postgres() {
    if [ "$(id -u)" -eq 0 ]; then
        exec setpriv --reuid="$(postgres_user)" --regid="$(id -g "$(postgres_user)")" --clear-groups "$@"
    fi
    exec "$@"
}
postgres_user() { if id postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi; }

# postgres_folder ID: a folder of the unprivileged user, below one that it may pass through; sets `port`.
postgres_folder() {
    mkdir -p "$DIR/$1"
    [ "$(id -u)" -ne 0 ] || { chmod 711 "$DIR" && chown "$(postgres_user)" "$DIR/$1"; }
    [ -e "$DIR/$1.port" ] || free_port >"$DIR/$1.port"
    port=$(cat "$DIR/$1.port")
}

# postgres_run ID HBA OPTION…: a cluster whose superuser `stayput` has the password correct-horse, with access by HBA.
# Every acknowledged write survives kill -9: tests restart it and expect everything back.
postgres_run() {
    local id=$1 hba=$2 data="$DIR/$1/data"
    shift 2
    if [ ! -e "$data/PG_VERSION" ]; then
        echo correct-horse >"$DIR/$id/password"
        (cd "$DIR/$id" && as_postgres "$postgres_bin/initdb" --pgdata "$data" --username stayput --encoding UTF8 \
            --locale C --auth scram-sha-256 --pwfile "$DIR/$id/password" --no-sync >/dev/null) || return
        echo "$hba" >"$data/pg_hba.conf"
    fi
    # A killed server's pid may still be taken, by its own remains if nobody buries them; its lock counts only as long as
    # one of its processes is at work.
    if [ -e "$data/postmaster.pid" ]; then
        while readlink /proc/[0-9]*/cwd | grep -qx "$data"; do sleep 0.1; done
        rm -f "$data/postmaster.pid"
    fi
    run "$id" "$BASH" -c "$(declare -f as_postgres postgres_user); as_postgres \"\$@\"" bash \
        "$postgres_bin/postgres" -D "$data" -p "$port" -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories= -c max_connections=200 -c log_statement=none "$@"
    await "$id" "$postgres_bin/pg_isready" -q -h 127.0.0.1 -p "$port"
}

up_postgres() {
    missing "$postgres_bin/initdb" postgresql && return
    local port
    postgres_folder postgres
    postgres_run postgres "host all all 127.0.0.1/32 scram-sha-256" || return
    say POSTGRES "postgres://stayput:correct-horse@127.0.0.1:$port/postgres"
}

up_postgres_tls() {
    missing "$postgres_bin/initdb" postgresql && return
    missing openssl openssl && return
    local port tls="$DIR/postgres_tls/tls"
    postgres_folder postgres_tls
    if [ ! -e "$tls/server.pem" ]; then
        mkdir -p "$tls"
        postgres_certificates "$tls"
        [ "$(id -u)" -ne 0 ] || chown "$(postgres_user)" "$tls/server.key"
        chmod 600 "$tls/server.key"
    fi
    # The second role gets in with a client certificate and nothing else.
    postgres_run postgres_tls "$(printf '%s\n' 'hostssl all certified 127.0.0.1/32 cert' \
        'hostssl all all 127.0.0.1/32 scram-sha-256')" -c ssl=on -c ssl_ca_file="$tls/ca.pem" \
        -c ssl_cert_file="$tls/server.pem" -c ssl_key_file="$tls/server.key" || return
    [ -e "$tls/role" ] || PGPASSWORD=correct-horse "$postgres_bin/psql" -q -h 127.0.0.1 -p "$port" -U stayput postgres \
        -c "CREATE ROLE certified LOGIN; GRANT CREATE ON DATABASE postgres TO certified" || return
    touch "$tls/role"
    say POSTGRES_TLS "postgres://stayput:correct-horse@127.0.0.1:$port/postgres"
    say POSTGRES_TLS_CA "$tls/ca.pem"
}

# postgres_certificates FOLDER: an authority, one for the server by its address, one for the client `certified`, and an
# authority that has nothing to do with them.
postgres_certificates() {
    local who
    for who in ca stranger; do
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=Stayput test $who" \
            -addext "basicConstraints=critical,CA:TRUE" -keyout "$1/$who.key" -out "$1/$who.pem" 2>/dev/null
    done
    for who in server certified; do
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$who" \
            -keyout "$1/$who.key" -out "$1/$who.csr" 2>/dev/null
        openssl x509 -req -in "$1/$who.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" -CAcreateserial -days 2 -out "$1/$who.pem" \
            -extfile <(echo "subjectAltName=IP:127.0.0.1") 2>/dev/null
    done
}

# A primary and a replica that follows it; tests that kill the primary start them for themselves.
more+=(postgres_pair)
up_postgres_pair() {
    missing "$postgres_bin/initdb" postgresql && return
    local port primary data="$DIR/postgres_replica/data"
    postgres_folder postgres_primary
    primary=$port
    postgres_run postgres_primary "$(printf '%s\n' 'host all all 127.0.0.1/32 scram-sha-256' \
        'host replication all 127.0.0.1/32 scram-sha-256')" || return
    postgres_folder postgres_replica
    [ -e "$data/PG_VERSION" ] || (cd "$DIR/postgres_replica" && as_postgres "$postgres_bin/pg_basebackup" --pgdata "$data" \
        --write-recovery-conf --checkpoint fast --no-sync \
        --dbname "postgres://stayput:correct-horse@127.0.0.1:$primary/postgres") || return
    postgres_run postgres_replica "" || return
    say POSTGRES_PAIR "postgres://stayput:correct-horse@127.0.0.1:$primary,127.0.0.1:$port/postgres"
}

# PgBouncer stands before `postgres`, which it brings up if it is not.
up_pgbouncer() {
    missing pgbouncer pgbouncer && return
    missing "$postgres_bin/initdb" postgresql && return
    [ -e "$DIR/postgres.pid" ] || up_postgres || return
    local port server
    server=$(cat "$DIR/postgres.port")
    postgres_folder pgbouncer
    echo '"stayput" "correct-horse"' >"$DIR/pgbouncer/users"
    cat >"$DIR/pgbouncer/pgbouncer.ini" <<INI
[databases]
* = host=127.0.0.1 port=$server
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $DIR/pgbouncer/users
pool_mode = transaction
default_pool_size = 20
max_client_conn = 500
INI
    run pgbouncer "$BASH" -c "$(declare -f as_postgres postgres_user); as_postgres \"\$@\"" bash \
        "$(command -v pgbouncer)" "$DIR/pgbouncer/pgbouncer.ini"
    await pgbouncer "$postgres_bin/pg_isready" -q -h 127.0.0.1 -p "$port" || return
    say PGBOUNCER "postgres://stayput:correct-horse@127.0.0.1:$port/postgres"
    say PGBOUNCER_DIRECT "postgres://stayput:correct-horse@127.0.0.1:$server/postgres"
}
