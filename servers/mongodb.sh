# MongoDB's protocol as mongo-java-server speaks it, which Maven brings: MongoDB itself is in no registry. Sourced by `up`.
# Started again on the same DIR, it keeps its port and its data.
names+=(mongodb)

# mongodb_libraries: the folder with the server's libraries, filled once for all runs.
mongodb_libraries() {
    local libraries=${CARGO_TARGET_DIR:-$here/../target}/servers/mongodb
    mkdir -p "$libraries"
    libraries=$(cd "$libraries" && pwd -P)
    if ! cmp -s "$here/mongodb/pom.xml" "$libraries/pom.xml"; then
        # Two of these may run at once: each fills a folder of its own, and what is in place is whole.
        local fresh
        fresh=$(mktemp -d "$libraries.XXXXXX")
        mvn -B -q -f "$here/mongodb/pom.xml" dependency:copy-dependencies -DoutputDirectory="$fresh" >&2 || return
        cp "$fresh"/*.jar "$libraries" && cp "$here/mongodb/pom.xml" "$libraries" && rm -r "$fresh"
    fi
    echo "$libraries"
}

up_mongodb() {
    missing java default-jdk-headless && return
    missing mvn maven && return
    local port libraries
    libraries=$(mongodb_libraries)
    [ -e "$DIR/mongodb.port" ] || free_port >"$DIR/mongodb.port"
    port=$(cat "$DIR/mongodb.port")
    run mongodb java -Xmx512m -cp "$libraries/*" "$here/mongodb/Server.java" "$port" data
    await mongodb mongodb_listens "$port"
    say MONGODB "mongodb://127.0.0.1:$port/stayput"
}

mongodb_listens() { : <"/dev/tcp/127.0.0.1/$1"; }
