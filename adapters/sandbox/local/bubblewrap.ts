/** Isolation by bubblewrap: one program that makes the namespaces, the file tree and the loopback device. */
import { binds, environment, links, uid, type View, workspace } from "./inside.ts"
import type { Isolation } from "./isolation.ts"
import * as limits from "./limits.ts"

const memory = (path: string) => ["--perms", "1777", "--size", `${limits.tmpBytesMax}`, "--tmpfs", path]

export const bubblewrap: Isolation = {
  name: "bubblewrap",
  needs: ["bwrap"],
  enclose: (view: View, sessionId: string, command: ReadonlyArray<string>) => [
    ...["bwrap", "--unshare-user", "--uid", `${uid}`, "--gid", `${uid}`],
    ...["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net", "--unshare-cgroup-try", "--hostname", "sandbox"],
    // A new session: the terminal that the server was started from must not take keystrokes from in here (TIOCSTI).
    ...["--new-session", "--as-pid-1", "--cap-drop", "ALL", "--info-fd", "3", "--clearenv"],
    // /proc/sys as well: what a mistake in the rest would leave writable there owns the host.
    ...["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", "--dev", "/dev"],
    ...["/dev/shm", "/tmp", "/var/tmp"].flatMap(memory),
    ...["--tmpfs", "/run"],
    ...links.flatMap(({ path, target }) => ["--symlink", target, path]),
    ...binds(view).flatMap(({ from, to, writable }) => [writable ? "--bind" : "--ro-bind", from, to]),
    ...["/dev", "/run", "/"].flatMap((path) => ["--remount-ro", path]),
    ...["--chdir", workspace],
    ...Object.entries(environment(sessionId)).flatMap(([name, value]) => ["--setenv", name, value]),
    "--",
    ...command
  ]
}
