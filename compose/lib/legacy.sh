#!/usr/bin/env bash
# Chroma servers before 1.0, which were Python programs, from PyPI: for the tests, which move collections out of them.
#
#   compose/lib/legacy.sh VERSION…    installs what is missing; prints the Python, then a PYTHONPATH for each version
#
# A version is its own two wheels and the packages below, which all of them share and of which these are the versions
# that fit. `Chroma run` needs nothing but PYTHONPATH: see tests/e2e/legacy.py.
set -euo pipefail
umask 022
export LC_ALL=C.UTF-8

COMPOSE=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." && pwd)
LIB=$(realpath -m -- "${FERRY_LOCAL_LIB:-$(dirname -- "$COMPOSE")/.ferry/lib}")

# The hnsw wheels end with Python 3.11.
LEGACY_PYTHON=3.11

# NumPy 2 breaks 0.4. Where a program asks for onnxruntime and tokenizers it finds stubs: they compute embeddings of texts,
# which no test does.
LEGACY_PACKAGES='
annotated-types==0.8.0 anyio==4.14.2 asgiref==3.13.0 backoff==2.2.1 bcrypt==4.2.1 certifi==2026.10.18
charset-normalizer==3.5.2 click==8.1.8 Deprecated==1.3.1 fastapi==0.115.6 googleapis-common-protos==1.75.0 grpcio==1.69.0
h11==0.16.0 httpcore==1.0.9 httptools==0.6.4 httpx==0.28.1 idna==3.20 importlib_metadata==8.5.0 importlib_resources==6.5.2
markdown-it-py==4.3.0 mdurl==0.1.2 mmh3==5.0.1 monotonic==1.6 numpy==1.26.4 opentelemetry-api==1.29.0
opentelemetry-exporter-otlp-proto-common==1.29.0 opentelemetry-exporter-otlp-proto-grpc==1.29.0
opentelemetry-instrumentation==0.50b0 opentelemetry-instrumentation-asgi==0.50b0 opentelemetry-instrumentation-fastapi==0.50b0
opentelemetry-proto==1.29.0 opentelemetry-sdk==1.29.0 opentelemetry-semantic-conventions==0.50b0
opentelemetry-util-http==0.50b0 orjson==3.10.14 overrides==7.7.0 packaging==26.3 posthog==3.7.5 protobuf==5.29.3
pydantic==2.10.5 pydantic_core==2.27.2 Pygments==2.21.0 PyPika==0.50.0 python-dateutil==4.0.0 PyYAML==6.0.2 requests==2.32.3
rich==13.9.4 shellingham==1.5.4 six==1.17.0 starlette==0.41.3 tenacity==9.0.0 tqdm==4.67.1 typer==0.15.1
typing_extensions==4.12.2 tzdata==2026.6 urllib3==2.8.0 uvicorn==0.34.0 wrapt==1.17.3 zipp==4.1.2'

# legacy_hnswlib VERSION: what goes with it.
legacy_hnswlib() {
    case $1 in
        0.4.1[5-9] | 0.4.2[0-4] | 0.5.[0-4]) printf '0.7.3\n' ;;
        0.5.[5-9] | 0.5.1[0-9] | 0.5.2[0-3] | 0.6.[0-3]) printf '0.7.6\n' ;;
        *) die "Chroma $1 is none of 0.4.15 to 0.6.3" 2 ;;
    esac
}

# die MESSAGE [STATUS]: 2 is the caller's mistake, 3 something that is not available, 77 what this machine cannot run.
die() {
    printf 'compose/lib/legacy.sh: %s\n' "$1" >&2
    exit "${2:-3}"
}

# shellcheck source=tools.sh
source "$COMPOSE/lib/tools.sh"

# fetch FOLDER PACKAGE…: the packages, unpacked, become FOLDER in one step.
fetch() {
    local folder=$1 new log=$LIB/legacy/pip.log
    shift
    [[ ! -d $folder ]] || return 0
    new=$(mktemp -d "$LIB/legacy/.new.XXXXXX")
    if ! "$PYTHON" -m pip install -q --disable-pip-version-check --no-input --no-cache-dir --no-deps --only-binary=:all: \
        --root-user-action=ignore --target "$new" "$@" </dev/null >"$log" 2>&1; then
        tail -n 15 -- "$log" >&2
        rm -rf -- "$new"
        die "Python packages could not be downloaded; the whole output: $log"
    fi
    chmod 755 -- "$new"
    mv -T -- "$new" "$folder"
}

stubs() {
    [[ ! -d $1 ]] || return 0
    mkdir -p -- "$1.new"
    : >"$1.new/onnxruntime.py"
    printf 'class Tokenizer:\n    pass\n' >"$1.new/tokenizers.py"
    mv -T -- "$1.new" "$1"
}

main() {
    local version packages shared hnswlib lock
    (($# > 0)) || die "which versions?" 2
    for version in "$@"; do legacy_hnswlib "$version" >/dev/null; done
    PYTHON=$(python_with "assert sys.version_info[:2] == (${LEGACY_PYTHON/./, }); import pip") ||
        die "needs Python $LEGACY_PYTHON with pip" 77
    mkdir -p -- "$LIB/legacy"
    exec {lock}>"$LIB/legacy/lock"
    flock -w 600 "$lock" || die "another one installs into $LIB/legacy"
    rm -rf -- "$LIB"/legacy/.new.*
    read -r -d '' -a packages <<<"$LEGACY_PACKAGES" || true
    shared=$LIB/legacy/shared-$(cksum <<<"$LEGACY_PACKAGES" | cut -d ' ' -f 1)
    fetch "$shared" "${packages[@]}"
    stubs "$LIB/legacy/stubs"
    printf '%s\n' "$PYTHON"
    for version in "$@"; do
        hnswlib=$(legacy_hnswlib "$version")
        fetch "$LIB/legacy/$version" "chromadb==$version" "chroma-hnswlib==$hnswlib"
        printf '%s\n' "$LIB/legacy/$version:$shared:$LIB/legacy/stubs"
    done
}

main "$@"
