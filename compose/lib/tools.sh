# shellcheck shell=bash
# Finds the programs the services run with, and remembers the slow answers (which Java, which Python) beside the downloads.
# Uses LIB, die(), kafka_downloaded(), chroma_downloaded().

JAVA=
PYTHON=

# Kafka 3.9 wants Java 17; from 24 on it lacks what Kafka calls.
tool_java() {
    local candidate version
    for candidate in "${JAVA_HOME:+$JAVA_HOME/bin/java}" "$(type -P java)" /usr/lib/jvm/java-{17,21}-openjdk-*/bin/java; do
        [[ -n $candidate && -x $candidate ]] || continue
        version=$("$candidate" -version 2>&1 </dev/null | sed -n 's/.* version "\([0-9]*\).*/\1/p')
        if ((${version:-0} >= 17 && ${version:-0} < 24)); then
            readlink -f -- "$candidate"
            return
        fi
    done
    return 1
}

# python_with CODE: the real executable (not a wrapper's) of the first Python 3.9 or newer in which CODE works.
python_with() {
    local candidate
    for candidate in /usr/bin/python3 "$(type -P python3)"; do
        [[ -n $candidate && -x $candidate ]] || continue
        "$candidate" -I -c "import sys; assert sys.version_info >= (3, 9); $1; print(sys.executable)" 2>/dev/null && return
    done
    return 1
}

tool_python() { python_with 'import ssl, ctypes'; }

# Downloaders are not needed any more once the downloads are there.
tool_maven() { kafka_downloaded || has_command mvn; }
tool_pip() { chroma_downloaded || python_with 'import pip'; }

# The folder with initdb and postgres: of version $1, or of the newest.
tool_postgres() {
    local bin
    while read -r bin; do
        [[ -x $bin/initdb && -x $bin/postgres && $bin == */postgresql/${1:-*}/bin ]] || continue
        printf '%s\n' "$bin"
        return
    done < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV)
    return 1
}

tools_remember() {
    local file=$LIB/tools
    printf 'java %s\npython %s\n' "$(tool_java)" "$(tool_python)" >"$file.new"
    mv -- "$file.new" "$file"
}

# Sets JAVA and PYTHON from memory; 1 when there is no memory or it no longer holds.
tools_recall() {
    local name path
    JAVA='' PYTHON=''
    [[ -r $LIB/tools ]] || return 1
    while read -r name path; do
        case $name in
            java) JAVA=$path ;;
            python) PYTHON=$path ;;
        esac
    done <"$LIB/tools"
    [[ -n $JAVA && -x $JAVA && -n $PYTHON && -x $PYTHON ]]
}
