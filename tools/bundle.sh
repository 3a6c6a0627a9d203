#!/bin/sh
# Collects programs and the shared libraries they need in a folder that runs from anywhere:
#   bundle.sh FOLDER PROGRAM...        (ninja bundle calls it; configure with -Dbundle=true)
# OpenCL drivers are not taken. The C library is the machine's own; where that is older than ours,
# with-libc starts a program with the one in lib/c.
set -eu
out=$1
shift
root=${MESON_SOURCE_ROOT:-$(cd "$(dirname "$0")/.." && pwd)}
rm -rf "$out"
mkdir -p "$out/bin" "$out/lib/c" "$out/tests" "$out/examples"
cp "$@" "$out/bin"
cp -R "$root/tests/golden" "$out/tests"
cp "$root"/examples/*.yaml "$out/examples" 2>/dev/null || true

missing=$(ldd "$@" | grep 'not found' || true)
[ -z "$missing" ] || { echo "bundle: $missing" >&2; exit 1; }
ldd "$@" | awk '$2 == "=>" { print $3 }' | sort -u | while read -r lib; do
    case ${lib##*/} in
    libm.so.6) ;;
    libc.so.6)
        for part in ld-linux*.so.* libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1; do
            cp -L "${lib%/*}"/$part "$out/lib/c"
        done ;;
    *) cp -L "$lib" "$out/lib" ;;
    esac
done

cat > "$out/with-libc" << 'END'
#!/bin/sh
# with-libc PROGRAM [ARGUMENT...], for machines whose C library is older than the bundle's
here=$(cd "$(dirname "$0")" && pwd)
exec "$here"/lib/c/ld-linux*.so.* --library-path "$here/lib/c:$here/lib" "$@"
END

# What meson test does where meson is: both profiles for each test, and a closing count.
cat > "$out/run-tests" <<'END'
#!/bin/sh
# Runs the tests on this machine's OpenCL devices: run-tests [NAME...]
here=$(cd "$(dirname "$0")" && pwd)
export CK_FORK=no SYNCLINE_SOURCE_ROOT="$here" SYNCLINE_BUILD_ROOT="$here"
with=
"$here/bin/syncline" help > /dev/null 2>&1 || with=$here/with-libc
[ $# -gt 0 ] || set -- $(cd "$here/bin" && ls -d test_* | sed 's/^test_//')
passed=0 failed=0
for name; do
    for profile in cpu gpu; do
        if SYNCLINE_PROFILE=$profile $with "$here/bin/test_$name" > "$here/test.log" 2>&1; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "FAILED $name, profile $profile"
            cat "$here/test.log"
        fi
    done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
END
chmod +x "$out/run-tests" "$out/with-libc"
echo "bundle: $out, $(du -sh "$out" | cut -f1)"
