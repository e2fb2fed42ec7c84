# What a device says about itself, as KEY=VALUE lines: POSIX sh, few processes, needs no root and
# leaves nothing behind. $1: KiB that must be free in the folder to be chosen.
# SYSROOT stands before /proc and /sys, so that recorded devices can be replayed.
R=${SYSROOT:-}
say() { [ -z "$2" ] || printf '%s=%s\n' "$1" "$2"; }
first_line() { line=; [ -r "$1" ] && { IFS= read -r line <"$1" || :; } 2>/dev/null; printf '%s' "$line"; }
say arch "${PROBE_ARCH:-$(uname -m)}"
say kernel "$(uname -r)"
say bits "$(getconf LONG_BIT 2>/dev/null || case $(od -An -tu1 -j4 -N1 /bin/sh 2>/dev/null) in *1) echo 32;; *2) echo 64;; esac)"
say user "$(id -un 2>/dev/null)"
say clock "$(date +%s)"
say model "$({ tr -d '\000' <"$R/proc/device-tree/model"; } 2>/dev/null || getprop ro.product.model 2>/dev/null)"
if [ -e "$R/system/bin/linker64" ] || [ -e "$R/system/bin/linker" ]; then say libc bionic
elif ls "$R"/lib/ld-musl-* >/dev/null 2>&1; then say libc musl
else say libc "$(getconf GNU_LIBC_VERSION 2>/dev/null || echo unknown)"; fi
say termux "${TERMUX_VERSION:-}"
cores=0 parts= features= name=
while IFS=: read -r key value; do
  value=${value# }
  case $key in
  processor*) cores=$((cores + 1)) ;;
  'CPU part'*) parts="$parts $value" ;;
  Features* | flags*) [ -n "$features" ] || { features=$value; say feature_key "${key%%[!A-Za-z]*}"; } ;;
  'model name'* | Hardware* | Model*) name=$value ;;
  esac
done <"$R/proc/cpuinfo" 2>/dev/null
say cores "$cores"; say parts "${parts# }"; say features "$features"; say cpu "$name"
while read -r key value _; do
  case $key in MemTotal:) say memory_kib "$value" ;; MemAvailable:) say memory_free_kib "$value" ;; esac
done <"$R/proc/meminfo" 2>/dev/null
while read -r key value; do
  case $key in Cpus_allowed_list:) say allowed "$value" ;; esac
done <"$R/proc/self/status" 2>/dev/null
for folder in "$R"/sys/devices/system/cpu/cpu[0-9]*; do
  [ -r "$folder/cpufreq/cpuinfo_max_freq" ] &&
    say "core_khz_${folder##*/cpu}" "$(first_line "$folder/cpufreq/cpuinfo_max_freq")"
done
say governor "$(first_line "$R/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")"
for zone in "$R"/sys/class/thermal/thermal_zone*; do
  [ -r "$zone/temp" ] && say "temperature_${zone##*thermal_zone}" "$(first_line "$zone/temp")"
done
command -v vcgencmd >/dev/null 2>&1 && say throttled "$(vcgencmd get_throttled 2>/dev/null | cut -d= -f2)"
say load "$(first_line "$R/proc/loadavg")"
# A program that QEMU translates sees QEMU as the first word of the process that started it; the
# other words are no proof, since a login shell may carry this very script.
case $({ tr '\000' '\n' <"/proc/$PPID/cmdline"; } 2>/dev/null | head -n 1) in
*/qemu-* | qemu-*) say emulated qemu-user ;;
esac
case $(first_line "$R/sys/class/dmi/id/product_name") in *QEMU*) say machine qemu ;; esac
for tool in sha256sum shasum busybox toybox openssl; do
  command -v "$tool" >/dev/null 2>&1 && { say hash_tool "$tool"; break; }
done
command -v flock >/dev/null 2>&1 && say flock yes
# The folder that already holds releases stays the one; otherwise the first that will do.
set -- "${1:-0}" "${HOME:-}" "${PREFIX:+$PREFIX/tmp}" /data/local/tmp /var/tmp "${TMPDIR:-/tmp}" /tmp /dev/shm
need=$1; shift; known=
for folder; do [ -n "$folder" ] && [ -d "$folder/punchcard/releases" ] && { known=$folder; break; }; done
for folder in "$known" "$@"; do
  [ -n "$folder" ] && folder=$(cd "$folder" 2>/dev/null && pwd -P) || continue
  try=$folder/.punchcard-probe-$$
  if ! { printf 'echo runs\n' >"$try"; } 2>/dev/null; then say refused "not writable: $folder"; continue; fi
  chmod 700 "$try"; runs=$("$try" 2>/dev/null); rm -f "$try"
  if [ "$runs" != runs ]; then say refused "programs may not run: $folder"; continue; fi
  free=$(df -k "$folder" 2>/dev/null | tail -n 1 | sed 's/.*[^0-9]\([0-9][0-9]*\)  *[0-9][0-9]*%.*/\1/')
  case $free in '' | *[!0-9]*) free=0 ;; esac
  if [ "$free" -lt "$need" ] && [ "$folder" != "$known" ]; then say refused "only $free KiB free: $folder"; continue; fi
  say folder_free_kib "$free"; say folder "$folder"
  break
done
:
