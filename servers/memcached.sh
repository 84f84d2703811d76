# Memcached: three nodes. Sourced by `up`. Started again on the same DIR, they keep their ports; nothing else is kept.
names+=(memcached)

up_memcached() {
    missing memcached memcached && return
    local i port nodes=() as=()
    [ "$(id -u)" -ne 0 ] || as=(-u nobody)
    for i in 1 2 3; do
        [ -e "$DIR/memcached$i.port" ] || free_port >"$DIR/memcached$i.port"
        port=$(cat "$DIR/memcached$i.port")
        nodes+=("127.0.0.1:$port")
        run "memcached$i" memcached "${as[@]}" -l 127.0.0.1 -p "$port" -U 0 -m 256
    done
    for i in 1 2 3; do await "memcached$i" memcached_listens "${nodes[i - 1]#*:}"; done
    say MEMCACHED "memcached://$(IFS=, && echo "${nodes[*]}")?evictable=accepted"
}

memcached_listens() { : <"/dev/tcp/127.0.0.1/$1"; }
