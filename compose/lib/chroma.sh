# shellcheck shell=bash
# Chroma, from PyPI. Of the package only the native binding is needed, which holds the whole server; any Python 3.9 or
# newer starts it.
# Uses DIR, LIB, PORT, PYTHON, CLEAN.

CHROMA_VERSION=1.5.9
CHROMA_LIB=$LIB/chroma-$CHROMA_VERSION

chroma_downloaded() { [[ -f $CHROMA_LIB/chromadb_rust_bindings/__init__.py ]]; }

# chroma_download FOLDER LOG: FOLDER is a fresh one, renamed into place by the caller.
chroma_download() {
    local pip_python
    pip_python=$(python_with 'import pip') || return
    mkdir -- "$1/work" "$1/chroma"
    # Where pip and the wheel agree on the platform is pip's business; --only-binary, so that nothing gets compiled.
    "$pip_python" -m pip download -q --disable-pip-version-check --no-input --no-cache-dir --no-deps --only-binary=:all: \
        -d "$1/work" "chromadb==$CHROMA_VERSION" </dev/null >"$2" 2>&1 || return
    "$pip_python" -I - "$1/work"/*.whl "$1/chroma" >>"$2" 2>&1 <<'PYTHON'
import sys
import zipfile

wheel, folder = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    archive.extractall(folder, [name for name in archive.namelist() if name.startswith("chromadb_rust_bindings/")])
PYTHON
}

CHROMA_MAIN='import sys
sys.path.insert(0, sys.argv.pop(1))
import chromadb_rust_bindings
chromadb_rust_bindings.cli(["chroma"] + sys.argv[1:])'

# chroma_run source|target
chroma_run() {
    local data=$DIR/data/$1
    mkdir -p -- "$data"
    run_clean "$PYTHON" -IB -c "$CHROMA_MAIN" "$CHROMA_LIB" \
        run --path "$data" --host 127.0.0.1 --port "${PORT[$1]}"
}

# With its port in use Chroma ends with exit status 0, so an answer counts only together with a living process.
chroma_answers() {
    "${CLEAN[@]}" curl -q -fs -o /dev/null --noproxy '*' --max-time 2 "http://127.0.0.1:${PORT[$1]}/api/v2/heartbeat"
}
