# shellcheck shell=bash
# Apache Kafka as one KRaft node, from the jars in Maven Central.
# Uses DIR, LIB, PORT, JAVA, CLEAN.

KAFKA_VERSION=3.9.1
KAFKA_SLF4J_VERSION=1.7.36 # Kafka's jars bring no logger.
KAFKA_MAVEN_PLUGIN=3.8.1

KAFKA_LIB=$LIB/kafka-$KAFKA_VERSION

kafka_downloaded() { [[ -f $KAFKA_LIB/kafka_2.13-$KAFKA_VERSION.jar ]]; }

# kafka_download FOLDER LOG: FOLDER is a fresh one, renamed into place by the caller.
kafka_download() {
    mkdir -- "$1/work" "$1/jars"
    cat >"$1/work/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>chroma-ferry</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>$KAFKA_VERSION</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>$KAFKA_SLF4J_VERSION</version>
    </dependency>
  </dependencies>
</project>
POM
    # -C: a jar whose checksum differs is an error. Its own repository, so that nothing is left in the caller's home.
    mvn -B -q -C -Dstyle.color=never -f "$1/work/pom.xml" "-Dmaven.repo.local=$1/work/repository" \
        "org.apache.maven.plugins:maven-dependency-plugin:$KAFKA_MAVEN_PLUGIN:copy-dependencies" \
        -DincludeScope=runtime "-DoutputDirectory=$1/jars" </dev/null >"$2" 2>&1
}

# With its classes in an archive Kafka starts in 1 s instead of 4. The archive belongs to these jars and this Java; the
# JVM of an instance without one writes it when it ends, and kafka_stopped puts it beside the jars.
kafka_archive() { printf '%s-%s.jsa\n' "$KAFKA_LIB" "$(stat -L -c '%s-%Y' -- "$JAVA")"; }

kafka_config() {
    cat <<CONF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${PORT[controller]}
listeners=PLAINTEXT://127.0.0.1:${PORT[kafka]},CONTROLLER://127.0.0.1:${PORT[controller]}
advertised.listeners=PLAINTEXT://127.0.0.1:${PORT[kafka]}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$1
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
# After kill -9 the controller takes the broker back only when its old session has lapsed.
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
log.cleaner.dedupe.buffer.size=4194304
CONF
}

# 16 random bytes in base64url. A leading '-' would be taken for an option.
kafka_cluster_id() {
    local id=-
    while [[ $id == -* ]]; do id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c1-22); done
    printf '%s\n' "$id"
}

kafka_run() {
    local conf=$DIR/conf/kafka.properties data=$DIR/data/kafka archive new
    local launch=("$JAVA" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.showDateTime=true
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS")
    # Paths are relative to DIR: a properties file is Latin-1, and a comma in it separates folders.
    cd -- "$DIR" || exit
    archive=$(kafka_archive)
    if [[ -r $archive ]]; then launch+=("-XX:SharedArchiveFile=$archive"); fi
    if [[ ! -d $data ]]; then
        rm -rf -- "$data".new.*
        new=$(mktemp -d "$data.new.XXXXXX")
        kafka_config "data/${new##*/}" >"$conf.format"
        "${CLEAN[@]}" "${launch[@]}" -cp "$KAFKA_LIB/*" kafka.tools.StorageTool \
            format -t "$(kafka_cluster_id)" -c "$conf.format"
        mv -T -- "$new" "$data"
    fi
    kafka_config data/kafka >"$conf"
    rm -f -- "$DIR/run/kafka.jsa"
    if [[ ! -e $archive ]]; then
        launch+=("-XX:ArchiveClassesAtExit=$DIR/run/kafka.jsa" -Xlog:cds=off -Xlog:cds+dynamic=off)
    fi
    run_clean "${launch[@]}" -Xms256m -Xmx256m -cp "$KAFKA_LIB/*" kafka.Kafka "$conf"
}

# After a clean end only: what a killed JVM left behind may be half an archive. In two steps, since DIR and LIB may be on
# different disks and another instance may be starting.
kafka_stopped() {
    local archive
    if [[ -f $DIR/run/kafka.jsa && -w $LIB ]] && tools_recall; then
        archive=$(kafka_archive)
        chmod 644 -- "$DIR/run/kafka.jsa"
        mv -- "$DIR/run/kafka.jsa" "$archive.$$"
        mv -- "$archive.$$" "$archive"
    fi
    rm -f -- "$DIR/run/kafka.jsa"
}

# A listening port alone does not mean that the broker is registered.
kafka_answers() {
    port_taken "${PORT[kafka]}" && "${CLEAN[@]}" kcat -b "127.0.0.1:${PORT[kafka]}" -L -m 2 </dev/null 2>/dev/null |
        grep -q "^  broker 1 at 127.0.0.1:${PORT[kafka]}"
}
