"""POSIX scripts of the deployment protocol; data comes in as $1, $2, … and never as text.

Layout beneath the base folder: ``releases/<id>/``, the link ``current`` to one of them,
``history`` (ids in the order they became current), ``incoming.<nonce>/`` (uploads under way).
"""

# $1 base, $2 seconds to wait. Prints "locked", "busy", or "none" where the device has no flock.
# The lock lives as long as this process, which ends with its connection.
LOCK = """
mkdir -p "$1/releases" && cd "$1" || { echo "@lock failed $1"; exit 0; }
command -v flock >/dev/null 2>&1 || { echo "@lock none"; cat >/dev/null; exit 0; }
exec 9>>.lock
n=0
until flock -n 9; do
  n=$((n + 1)); [ "$n" -gt "$2" ] && { echo "@lock busy"; exit 0; }
  sleep 1
done
echo "@lock locked"
cat >/dev/null
"""

# $1 base, $2 release id. Prints what is current, whether the release stands, and the history.
STATE = """
cd "$1" 2>/dev/null || exit 0
echo "current=$(readlink current 2>/dev/null)"
[ -f "releases/$2/manifest.json" ] && echo "present=yes"
while read -r id; do echo "history=$id"; done <history 2>/dev/null
:
"""

# $1 folder, $2 hash tool, then names. Prints "hash  name" lines, computed on the device.
DIGEST = """
cd "$1" || exit 1
tool=$2; shift 2
case $tool in
sha256sum) sha256sum "$@" ;;
shasum) shasum -a 256 "$@" ;;
openssl) openssl dgst -sha256 -r "$@" ;;
*) "$tool" sha256sum "$@" ;;
esac
"""

# $1 base, $2 nonce, $3 "yes" while the lock is held: then no upload is under way, and every
# incoming folder was left by one that was cut; without a lock only those older than an hour.
OPEN = """
cd "$1" || exit 1
if [ "$3" = yes ]; then rm -rf incoming.* .current.* .history.*
else find . -maxdepth 1 -name 'incoming.*' -mmin +60 -exec rm -rf {} + 2>/dev/null; fi
mkdir "incoming.$2"
"""

# $1 base, $2 nonce, $3 release id. A damaged folder of that name is moved away first.
PLACE = """
cd "$1" && chmod 755 "incoming.$2/model" || exit 1
sync
if [ -e "releases/$3" ]; then mv "releases/$3" "incoming.$2.old" || exit 1; fi
mv "incoming.$2" "releases/$3" && rm -rf "incoming.$2.old"
"""

# $1 folder, $2 core, $3 threads, $4 tolerance, $5 repeats, $6 ms to spend, $7 seconds.
SELF_TEST = """
cd "$1" || exit 1
exec ./model --weights weights.bin --input input.bin --self-test expected.bin --core "$2" \\
  --threads "$3" --tolerance "$4" --warmup 2 --repeat "$5" --spend-ms "$6" --seconds "$7" --json -
"""

# $1 base, $2 release id, $3 nonce. Without -T, mv would move the new link into the old folder.
SWITCH = """
cd "$1" && ln -s "releases/$2" ".current.$3" || exit 1
mv -T ".current.$3" current 2>/dev/null || { echo "needs rename"; }
"""

# $1 base, $2 release id, $3 nonce, $4 how many to keep. The history is renamed into place too.
TIDY = """
cd "$1" || exit 1
{ tail -n 50 history 2>/dev/null; echo "$2"; } >".history.$3" && mv -f ".history.$3" history
keep=$4 newest= kept=
while read -r id; do newest="$id $newest"; done <history
for id in $newest; do
  case " $kept " in
  *" $id "*) ;;
  *) [ "$keep" -gt 0 ] && { kept="$kept $id"; keep=$((keep - 1)); } ;;
  esac
done
for folder in releases/*; do
  case " $kept " in *" ${folder#releases/} "*) ;; *) rm -rf "$folder" ;; esac
done
:
"""

# $1 base, $2 release id: a release whose self-test failed goes, unless it is the current one.
DISCARD = """
cd "$1" || exit 1
[ "$(readlink current 2>/dev/null)" = "releases/$2" ] || rm -rf "releases/$2"
"""

# $1 base, $2 name beneath it: a folder of measurements or an upload that failed.
REMOVE = """
cd "$1" 2>/dev/null && rm -rf "./$2"
:
"""

# $1 base, $2 release id: the manifest as it stands on the device.
MANIFEST = """
cat "$1/releases/$2/manifest.json"
"""

# $1 folder, $2 input, $3 output, then the options of the program. Prints the report's line, then
# the raw output.
RUN = """
cd "$1" || exit 1
input=$2 output=$3; shift 3
./model --weights weights.bin --input "$input" --output "$output" --json - "$@" && cat "$output"
status=$?
rm -f "$output"
exit $status
"""

# $1 folder: made with its parents.
FOLDER = """
mkdir -p "$1"
"""

# $1 file: its owner may run it.
EXECUTABLE = """
chmod 755 "$1"
"""

LOAD = """
read -r load _ </proc/loadavg && echo "$load"
"""
