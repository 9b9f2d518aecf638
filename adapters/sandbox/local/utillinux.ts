/**
 * Isolation by what every Linux has: unshare, mount, pivot_root and setpriv of util-linux, led by a script. The root is a small
 * tmpfs; everything in it is mounted by one `mount -a`, since a mount command for each costs 3 ms a piece. The filter of system calls comes last, by a program that we make ourselves (seccomp/seal.ts).
 */
import { join } from "node:path"
import { type Bind, binds, environment, links, procHidden, procReadOnly, sealFile, uid, type View, workspace } from "./inside.ts"
import type { Isolation } from "./isolation.ts"

const seal = "/opt/proliferate/bin/seal"
const shown = (view: View): ReadonlyArray<Bind> => [
  ...binds(view),
  ...(view.isFiltered ? [{ from: join(view.inside, sealFile), to: seal, writable: false }] : [])
]

/** As fstab(5) wants it. */
const quoted = (path: string) =>
  path.replace(/[\s\\#]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`)

const tmpfs = (root: string, path: string, bytesMax: number) =>
  `tmpfs ${root}${path} tmpfs mode=1777,nosuid,nodev,size=${bytesMax} 0 0`

const table = (view: View): string => {
  const root = quoted(view.root)
  return [
    ...shown(view).map(
      ({ from, to, writable }) => `${quoted(from)} ${root}${to} none rbind,nosuid,nodev${writable ? "" : ",ro"} 0 0`
    ),
    ...["null", "zero", "full", "random", "urandom", "tty"].map((name) => `/dev/${name} ${root}/dev/${name} none bind 0 0`),
    `devpts ${root}/dev/pts devpts newinstance,ptmxmode=0666,mode=620 0 0`,
    ...["/dev/shm", "/tmp", "/var/tmp"].map((path) => tmpfs(root, path, view.tmpBytesMax)),
    `proc ${root}/proc proc nosuid,nodev,noexec 0 0`,
    ...procReadOnly.map((path) => `${root}${path} ${root}${path} none bind,ro,nosuid,nodev,noexec 0 0`),
    ...procHidden.map((path) => `/dev/null ${root}${path} none bind,ro,nosuid,nodev,noexec 0 0`),
    ""
  ].join("\n")
}

/** $1 root, $2 table, then pairs of what is bound where, then `--` and the rest. Root of a user namespace, and of nothing else. */
const build = `
set -eu
ROOT=$1 TABLE=$2; shift 2
read -r PID _ </proc/self/stat
NS=$(readlink "/proc/$PID/ns/pid"); NS=\${NS#*[}
printf '{"child-pid":%s,"pid-namespace":%s}\\n' "$PID" "\${NS%]}" >&3
exec 3>&-

UP='socket(S,2,2,0); $r=pack("a16s","lo",0); ioctl(S,0x8913,$r); ($n,$f)=unpack("a16s",$r); $r=pack("a16s","lo",$f|1); ioctl(S,0x8914,$r) or die'
ip link set lo up 2>/dev/null || perl -e "$UP" 2>/dev/null || { echo "cannot start the loopback device: install iproute2" >&2; exit 1; }
hostname sandbox 2>/dev/null || :

mount -t tmpfs -o mode=0755,nosuid,nodev,size=16m sandbox "$ROOT"
cd "$ROOT"
DIRS= READONLY=
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then DIRS="$DIRS .$2"; else mkdir -p ".\${2%/*}"; : >".$2"; fi
  shift 2
done
shift
mkdir -p $DIRS proc dev/pts dev/shm tmp var/tmp .old
for NAME in null zero full random urandom tty; do : >dev/$NAME; done
ln -s pts/ptmx dev/ptmx; ln -s /proc/self/fd dev/fd; ln -s fd/0 dev/stdin; ln -s fd/1 dev/stdout; ln -s fd/2 dev/stderr
while [ "$1" != -- ]; do ln -s "$2" ".$1"; shift 2; done
shift
printf %s "$TABLE" >.table
mount -a -T "$ROOT/.table"
rm .table

# A recursive bind is read-only at its top alone: each mount below is made so too, with the flags that it must keep.
while read -r _ _ _ _ AT FLAGS _; do
  case $AT in "$ROOT"/usr/* | "$ROOT"/etc/* | "$ROOT"/bin/* | "$ROOT"/sbin/* | "$ROOT"/lib*/*) ;; *) continue ;; esac
  case $FLAGS in rw*) mount -o "remount,bind,ro,nosuid,nodev\${FLAGS#rw}" none "$(printf %b "$AT")" ;; esac
done </proc/self/mountinfo

pivot_root . .old
cd /
umount -n -l /.old
rmdir /.old
mount -n -o remount,bind,ro,nosuid,nodev none /
cd "$1"; shift
exec "$@"
`

export const utilLinux: Isolation = {
  name: "util-linux",
  needs: ["unshare", "setpriv", "mount", "pivot_root"],
  enclose: (view, sessionId, command) => [
    ...["unshare", "--user", "--map-root-user", "--mount", "--pid", "--ipc", "--uts", "--net", "--cgroup"],
    ...["--fork", "--kill-child=KILL", "--propagation", "private", "--", "/bin/sh", "-c", build, "build", view.root, table(view)],
    ...[...shown(view).flatMap(({ from, to }) => [from, to]), "--"],
    ...[...links.flatMap(({ path, target }) => [path, target]), "--", workspace],
    ...["unshare", "--user", `--map-user=${uid}`, `--map-group=${uid}`, "--keep-caps", "--"],
    ...["setpriv", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all", "--no-new-privs", "--"],
    ...["env", "-i", ...Object.entries(environment(sessionId)).map(([name, value]) => `${name}=${value}`)],
    ...(view.isFiltered ? [seal] : []),
    ...command
  ]
}
