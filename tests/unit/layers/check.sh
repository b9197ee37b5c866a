#!/usr/bin/env bash
# Do the layers hold? usage: check.sh BUILD_DIR (configured by CMake; nothing needs to be built in it).
# Says what it checked, a violation each on a line of its own beginning "violation:"; ends 1 with any, 2 when it cannot check.
set -euo pipefail
export LC_ALL=C

(($# == 1)) || { printf 'usage: check.sh BUILD_DIR\n' >&2; exit 2; }
build=$(realpath -- "$1")
cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../../.."

violations=0
violation() {
    printf 'violation: %s\n' "$*"
    violations=$((violations + 1))
}

give_up() {
    printf 'check.sh: %s\n' "$*" >&2
    exit 2
}

# The contract, as CONTRIBUTING.md tells it: which layers each layer sees, and one public header of each.
declare -A sees=(
    [base]=''
    [format]='base'
    [net]='base format'
    [store]='base'
    [bus]='base'
    [app]='base'
    [run]='base format net store bus app'
)
declare -A header=(
    [base]=base/error.h [format]=format/base64.h [net]=net/http.h [store]=store/pg.h [bus]=bus/bus.h
    [app]=app/option.h [run]=run/runtime.h
)

# Which file may name which library: header pattern, path pattern.
homes=(
    '(libpq-fe|postgres_ext)\.h' 'common/store/'
    '(librdkafka/)?rdkafka[a-z_]*\.h' 'common/bus/'
    'curl/[a-z]+\.h' 'common/net/'
    '(cjson/)?cJSON[A-Za-z_]*\.h' 'common/format/document\.c$'
    '(zlib|zconf)\.h' 'common/format/gzip\.c$'
    'openssl/[a-z0-9_]+\.h' 'common/format/digest\.c$'
    'ini\.h' 'common/app/config_parse\.c$'
)

# The code files that exist, of those folders.
code_files() {
    local folder
    for folder; do
        [[ ! -d $folder ]] || find "$folder" -name '*.[ch]' -type f
    done | sort
}

# includes PATTERN FILE…: "file:line:text" of each #include whose quoted or bracketed name matches.
includes() {
    grep -HnE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]$1[>\"]" "${@:2}" || (($? == 1))
}

check_third_party() {
    local i hit found
    for ((i = 0; i < ${#homes[@]}; i += 2)); do
        found=0
        while IFS= read -r hit; do
            found=$((found + 1))
            [[ ${hit%%:*} =~ ^${homes[i + 1]} ]] || violation "$hit (only in ${homes[i + 1]//[\\$]/})"
        done < <(includes "${homes[i]}" "${product[@]}")
        printf 'checked: %d includes of %s\n' "$found" "${homes[i]//\\/}"
    done
}

check_paths() {
    local hit
    while IFS= read -r hit; do
        violation "$hit (includes are written layer/file.h)"
    done < <(includes '[^>"]*\.\./[^>"]*' "${product[@]}" "${tests[@]}")
    printf 'checked: no include goes up with ../ in %d files\n' $((${#product[@]} + ${#tests[@]}))
}

check_programs() {
    local hit
    while IFS= read -r hit; do
        [[ ${hit%%/*} == "$(sed -E 's/.*[<"](producer|consumer)\/.*/\1/' <<<"$hit")" ]] ||
            violation "$hit (producer and consumer never include each other, and nothing below includes them)"
    done < <(includes '(producer|consumer)/[^>"]*' "${product[@]}")
    printf 'checked: producer and consumer are included by themselves only\n'
}

# The compiler and the search path that CMake gives to the files of a layer: the words of one compile command that matter here.
command_of() {
    awk -v folder="/common/$1/" '
        /^ *"command": / { command = $0 }
        /^ *"file": / && index($0, folder) { sub(/^ *"command": "/, "", command); sub(/",$/, "", command); print command; exit }
    ' "$build/compile_commands.json" | awk '{
        out = $1
        for (i = 2; i <= NF; i++) {
            if ($i ~ /^-(I|D|std=)/) out = out " " $i
            else if ($i == "-isystem") out = out " " $i " " $(i + 1)
        }
        print out
    }'
}

# compiles LAYER HEADER: with the reason in $scratch/why.
compiles() {
    local -a words
    read -ra words <<<"${command[$1]}"
    printf '#include "%s"\nint layers_probe;\n' "$2" >"$scratch/probe.c"
    "${words[@]}" -fsyntax-only "$scratch/probe.c" 2>"$scratch/why"
}

check_layers() {
    local layer other open=0 closed=0
    for layer in "${layers[@]}"; do
        for other in "${layers[@]}"; do
            if [[ $layer == "$other" || " ${sees[$layer]} " == *" $other "* ]]; then
                open=$((open + 1))
                compiles "$layer" "${header[$other]}" ||
                    violation "$layer cannot include ${header[$other]}: $(head -n 1 "$scratch/why")"
            else
                closed=$((closed + 1))
                if compiles "$layer" "${header[$other]}"; then
                    violation "$layer can include ${header[$other]}: CMake gives it too much to see"
                elif ! grep -qF "${header[$other]}: No such file" "$scratch/why" &&
                    ! grep -qF "'${header[$other]}' file not found" "$scratch/why"; then
                    violation "$layer fails on ${header[$other]} for another reason: $(head -n 1 "$scratch/why")"
                fi
            fi
        done
    done
    printf 'checked: %d layers, by compiling: %d permitted includes, %d forbidden ones\n' "${#layers[@]}" "$open" "$closed"
}

[[ -f $build/compile_commands.json ]] || give_up "$build has no compile_commands.json: run cmake --preset dev"
mapfile -t product < <(code_files common producer consumer)
mapfile -t tests < <(code_files tests)
((${#product[@]} > 0)) || give_up 'there is no code here'
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT

layers=()
declare -A command
for folder in common/*/; do
    layer=$(basename -- "$folder")
    if [[ ! -v "sees[$layer]" ]]; then
        violation "common/$layer is no layer that tests/unit/layers/check.sh knows"
        continue
    fi
    command[$layer]=$(command_of "$layer")
    if [[ -z ${command[$layer]} ]]; then
        violation "$build compiles nothing of common/$layer"
        continue
    fi
    layers+=("$layer")
done

check_third_party
check_paths
check_programs
check_layers
printf '%d violations\n' "$violations"
((violations == 0))
