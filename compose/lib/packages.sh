# shellcheck shell=bash
# Debian packages, named in this one place; compose/local, the Dockerfile and the scripts that build and test read them here.
# A line is a package and a probe that succeeds when the machine already has what the package is wanted for, from wherever
# it came: a JDK, CMake or Python that somebody installed by hand is as good. The probes need nothing but this file, except
# that lib/tools.sh knows better ones for the services.

PACKAGES_BUILD='
build-essential       has_command cc make
cmake                 has_command cmake
ninja-build           has_command ninja
pkg-config            has_command pkg-config
libpq-dev             has_library libpq
librdkafka-dev        has_library rdkafka
libcurl4-openssl-dev  has_library libcurl
libcjson-dev          has_library libcjson
libinih-dev           has_library inih
zlib1g-dev            has_library zlib
libssl-dev            has_library libcrypto
libcmocka-dev         has_library cmocka
jq                    has_command jq
'
PACKAGES_SERVICE='
postgresql             tool_postgres
postgresql-client      has_command psql
openjdk-17-jre-headless  tool_java
kcat                   has_command kcat
openssl                has_command openssl
python3                tool_python
curl                   has_command curl
maven                  tool_maven
python3-pip            tool_pip
'
# What fuzzing needs beyond building.
PACKAGES_FUZZ='
clang            has_command clang
libclang-rt-dev  has_fuzzer
'
# What the built programs load at run time; for images only.
PACKAGES_RUNTIME='
libpq5           false
librdkafka1      false
libcurl4         false
libcjson1        false
libinih1         false
zlib1g           false
libssl3          false
ca-certificates  false
'

has_command() {
    local name
    for name in "$@"; do type -P "$name" >/dev/null || return 1; done
}

has_library() { pkg-config --exists "$1" 2>/dev/null; }

# Debian 12 ships clang without its fuzzing library.
has_fuzzer() {
    printf 'int LLVMFuzzerTestOneInput(void);\nint LLVMFuzzerTestOneInput(void) { return 0; }\n' |
        clang -fsanitize=fuzzer,address -x c -o /dev/null - 2>/dev/null
}

# packages_table build|service|all|fuzz|runtime
packages_table() {
    case $1 in
        build) printf '%s' "$PACKAGES_BUILD" ;;
        service) printf '%s' "$PACKAGES_SERVICE" ;;
        all) printf '%s' "$PACKAGES_BUILD$PACKAGES_SERVICE" ;;
        fuzz) printf '%s' "$PACKAGES_FUZZ" ;;
        runtime) printf '%s' "$PACKAGES_RUNTIME" ;;
        *) return 2 ;;
    esac
}

# Every package of a group, one a line.
packages_list() { packages_table "$1" | awk 'NF { print $1 }'; }

# Those of a group that this machine lacks, one a line.
packages_missing() {
    local package probe
    packages_table "$1" | while read -r package probe; do
        # The probe is a command and its arguments, to be split.
        # shellcheck disable=SC2086
        [[ -z $package ]] || $probe </dev/null >/dev/null 2>&1 || printf '%s\n' "$package"
    done
}

packages_apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

# Newer Debians have dropped Java 17; Kafka runs on 21 as well.
packages_renamed() {
    if [[ $1 == openjdk-17-jre-headless ]] && ! apt-cache show "$1" >/dev/null 2>&1; then
        printf 'openjdk-21-jre-headless\n'
    else
        printf '%s\n' "$1"
    fi
}

# Debian's server package would create and start a cluster of its own on port 5432, which nobody here asked for.
packages_without_main_cluster() {
    local conf=/etc/postgresql-common/createcluster.conf
    packages_apt install --no-install-recommends postgresql-common || return
    if grep -q '^[[:space:]]*create_main_cluster' "$conf"; then return; fi
    printf '\n# Set by chroma-ferry: it runs clusters of its own.\ncreate_main_cluster = false\n' >>"$conf"
}

# packages_install GROUP LOG: installs what is missing. 0: all there; 3: could not, and said why on stderr.
packages_install() {
    local group=$1 log=$2 package missing=() wanted=()
    mapfile -t missing < <(packages_missing "$group")
    ((${#missing[@]})) || return 0
    if ! type -P apt-get >/dev/null; then
        printf 'missing: %s (names of Debian packages; this machine has no apt-get)\n' "${missing[*]}" >&2
        return 3
    fi
    if ((EUID != 0)); then
        for package in "${missing[@]}"; do wanted+=("$(packages_renamed "$package")"); done
        printf 'missing packages; install them with: sudo apt-get install --no-install-recommends %s\n' "${wanted[*]}" >&2
        return 3
    fi
    printf 'packages  installing %s\n' "${missing[*]}"
    if ! packages_apt_all "${missing[@]}" >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        printf 'apt-get failed; its whole output: %s\n' "$log" >&2
        return 3
    fi
}

packages_apt_all() {
    local package wanted=()
    packages_apt update || return
    for package in "$@"; do
        if [[ $package == postgresql ]]; then packages_without_main_cluster || return; fi
        wanted+=("$(packages_renamed "$package")")
    done
    packages_apt install --no-install-recommends "${wanted[@]}"
}
