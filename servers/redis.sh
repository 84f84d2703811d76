# Redis: alone, behind TLS with an access list, as a cluster of three masters and three replicas, and as a master and
# a replica under three sentinels. Sourced by `up`.
names+=(redis redis_tls redis_cluster redis_sentinel)
more+=(redis_cluster_tls redis_sentinel_tls)

# redis_run ID OPTION…: a server that keeps nothing on disk unless an option says so, and answers.
redis_run() {
    local id=$1
    shift
    run "$id" redis-server --bind 127.0.0.1 --save "" --appendonly no --daemonize no "$@"
}

redis_ask() { redis-cli -h 127.0.0.1 -p "$@"; }
redis_says() { redis_ask "$1" "${@:3}" 2>/dev/null | grep -q "$2"; }

up_redis() {
    missing redis-server redis-server && return
    local port
    port=$(free_port)
    # Every answered write survives kill -9: tests restart it and expect everything back.
    redis_run redis --port "$port" --appendonly yes --appendfsync always
    await redis redis_says "$port" PONG ping
    say REDIS "redis://127.0.0.1:$port"
}

up_redis_tls() {
    missing redis-server redis-server && return
    missing openssl openssl && return
    local port tls="$DIR/redis_tls"
    port=$(free_port)
    mkdir -p "$tls"
    redis_certificates "$tls"
    # The default user may do nothing; ours may do only what Stayput needs on its own keys.
    cat >"$tls/users.acl" <<'ACL'
user default off
user stayput on >correct-horse ~stayput:* +@read +@write +@connection +@scripting +time +info +config|get +readonly +cluster|slots +cluster|shards -@dangerous +info +config|get
user blind on >correct-horse ~stayput:* +@read +@write +@connection +@scripting +time -info -config
ACL
    redis_run redis_tls --port 0 --tls-port "$port" --aclfile users.acl --tls-ca-cert-file ca.pem \
        --tls-cert-file server.pem --tls-key-file server.key --tls-auth-clients yes
    await redis_tls redis_says "$port" PONG --tls --cacert "$tls/ca.pem" --cert "$tls/client.pem" \
        --key "$tls/client.key" --user stayput --pass correct-horse --no-auth-warning ping
    say REDIS_TLS "rediss://stayput:correct-horse@127.0.0.1:$port?ca=$tls/ca.pem&cert=$tls/client.pem&key=$tls/client.key"
}

# redis_certificates FOLDER: an authority, and a certificate of it for the server and one for clients.
redis_certificates() {
    local who
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=Stayput test authority" \
        -addext "basicConstraints=critical,CA:TRUE" -keyout "$1/ca.key" -out "$1/ca.pem" 2>/dev/null
    for who in server client; do
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$who" \
            -keyout "$1/$who.key" -out "$1/$who.csr" 2>/dev/null
        openssl x509 -req -in "$1/$who.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" -CAcreateserial -days 2 -out "$1/$who.pem" \
            -extfile <(echo "subjectAltName=IP:127.0.0.1,DNS:localhost") 2>/dev/null
    done
}

up_redis_cluster() {
    missing redis-server redis-server && return
    missing redis-cli redis-tools && return
    local ports=() nodes=() i
    for i in 1 2 3 4 5 6; do
        ports+=("$(free_port)")
        nodes+=("127.0.0.1:${ports[-1]}")
        redis_run "redis_cluster$i" --port "${ports[-1]}" --cluster-enabled yes --cluster-config-file nodes.conf \
            --cluster-port "$(free_port)" --cluster-node-timeout 2000 --repl-diskless-sync-delay 0
    done
    for i in 1 2 3 4 5 6; do await "redis_cluster$i" redis_says "${ports[i - 1]}" PONG ping; done
    redis-cli --cluster create "${nodes[@]}" --cluster-replicas 1 --cluster-yes >"$DIR/redis_cluster1/create.log"
    for i in 1 2 3 4 5 6; do
        await "redis_cluster$i" redis_says "${ports[i - 1]}" cluster_state:ok cluster info
        await "redis_cluster$i" redis_in_sync "${ports[i - 1]}"
    done
    say REDIS_CLUSTER "redis+cluster://${nodes[0]},${nodes[1]},${nodes[2]}"
}

# Three masters behind TLS, among themselves too.
up_redis_cluster_tls() {
    missing redis-server redis-server && return
    missing redis-cli redis-tools && return
    missing openssl openssl && return
    local ports=() nodes=() i port tls="$DIR/redis_cluster_tls" ask
    mkdir -p "$tls"
    redis_certificates "$tls"
    ask=(--tls --cacert "$tls/ca.pem" --cert "$tls/client.pem" --key "$tls/client.key")
    for i in 1 2 3; do
        port=$(free_port)
        ports+=("$port")
        nodes+=("127.0.0.1:$port")
        redis_run "redis_cluster_tls$i" --port 0 --tls-port "$port" --tls-cluster yes --tls-ca-cert-file "$tls/ca.pem" \
            --tls-cert-file "$tls/server.pem" --tls-key-file "$tls/server.key" --tls-auth-clients no \
            --cluster-enabled yes --cluster-config-file nodes.conf --cluster-port "$(free_port)"
    done
    for i in 1 2 3; do await "redis_cluster_tls$i" redis_says "${ports[i - 1]}" PONG "${ask[@]}" ping; done
    redis-cli "${ask[@]}" --cluster create "${nodes[@]}" --cluster-yes >"$tls/create.log"
    for i in 1 2 3; do
        await "redis_cluster_tls$i" redis_says "${ports[i - 1]}" cluster_state:ok "${ask[@]}" cluster info
    done
    say REDIS_CLUSTER_TLS "rediss+cluster://$(IFS=, && echo "${nodes[*]}")?ca=$tls/ca.pem"
}

# A replica has caught up; a master has its replica.
redis_in_sync() { redis_ask "$1" info replication | grep -Eq 'master_link_status:up|connected_slaves:[1-9]'; }

up_redis_sentinel() {
    missing redis-server redis-server && return
    missing redis-cli redis-tools && return
    local master replica port i urls=()
    master=$(free_port) replica=$(free_port)
    redis_run redis_master --port "$master" --repl-diskless-sync-delay 0
    redis_run redis_replica --port "$replica" --replicaof 127.0.0.1 "$master"
    await redis_master redis_says "$master" PONG ping
    await redis_replica redis_in_sync "$replica"
    for i in 1 2 3; do
        port=$(free_port)
        mkdir -p "$DIR/redis_sentinel$i"
        cat >"$DIR/redis_sentinel$i/sentinel.conf" <<CONF
bind 127.0.0.1
port $port
sentinel monitor stayput 127.0.0.1 $master 2
sentinel down-after-milliseconds stayput 1000
sentinel failover-timeout stayput 5000
CONF
        run "redis_sentinel$i" redis-server sentinel.conf --sentinel
        urls+=("127.0.0.1:$port")
    done
    for i in 1 2 3; do
        await "redis_sentinel$i" redis_says "${urls[i - 1]#*:}" 'slaves=1,sentinels=3' info sentinel
    done
    say REDIS_SENTINEL "redis+sentinel://$(IFS=, && echo "${urls[*]}")/stayput"
}

# The same behind TLS, among themselves too.
up_redis_sentinel_tls() {
    missing redis-server redis-server && return
    missing redis-cli redis-tools && return
    missing openssl openssl && return
    local master replica port i urls=() tls="$DIR/redis_sentinel_tls" served ask
    mkdir -p "$tls"
    redis_certificates "$tls"
    ask=(--tls --cacert "$tls/ca.pem" --cert "$tls/client.pem" --key "$tls/client.key")
    served=(--port 0 --tls-ca-cert-file "$tls/ca.pem" --tls-cert-file "$tls/server.pem" --tls-key-file "$tls/server.key"
        --tls-replication yes --tls-auth-clients yes)
    master=$(free_port) replica=$(free_port)
    redis_run redis_master_tls --tls-port "$master" "${served[@]}" --repl-diskless-sync-delay 0
    redis_run redis_replica_tls --tls-port "$replica" "${served[@]}" --replicaof 127.0.0.1 "$master"
    await redis_master_tls redis_says "$master" PONG "${ask[@]}" ping
    await redis_replica_tls redis_says "$replica" master_link_status:up "${ask[@]}" info replication
    for i in 1 2 3; do
        port=$(free_port)
        mkdir -p "$DIR/redis_sentinel_tls$i"
        cat >"$DIR/redis_sentinel_tls$i/sentinel.conf" <<CONF
bind 127.0.0.1
sentinel monitor stayput 127.0.0.1 $master 2
sentinel down-after-milliseconds stayput 1000
sentinel failover-timeout stayput 5000
CONF
        run "redis_sentinel_tls$i" redis-server sentinel.conf --sentinel --tls-port "$port" "${served[@]}"
        urls+=("127.0.0.1:$port")
    done
    for i in 1 2 3; do
        await "redis_sentinel_tls$i" redis_says "${urls[i - 1]#*:}" 'slaves=1,sentinels=3' "${ask[@]}" info sentinel
    done
    say REDIS_SENTINEL_TLS \
        "rediss+sentinel://$(IFS=, && echo "${urls[*]}")/stayput?ca=$tls/ca.pem&cert=$tls/client.pem&key=$tls/client.key"
}
