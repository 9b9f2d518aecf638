/** Isolation by bubblewrap: one program that makes the namespaces, the file tree and the loopback device. */
import { join } from "node:path"
import { binds, environment, filterFile, links, procHidden, procReadOnly, uid, type View, workspace } from "./inside.ts"
import type { Isolation } from "./isolation.ts"

/** It reads the filter from a file that is open already. */
const withFilter = (path: string) => ["/bin/sh", "-euc", 'exec 4<"$1"; shift; exec "$@"', "filter", path]

export const bubblewrap: Isolation = {
  name: "bubblewrap",
  needs: ["bwrap"],
  enclose: (view: View, sessionId: string, command: ReadonlyArray<string>) => [
    ...(view.isFiltered ? withFilter(join(view.inside, filterFile)) : []),
    ...["bwrap", ...(view.isFiltered ? ["--seccomp", "4"] : []), "--unshare-user", "--uid", `${uid}`, "--gid", `${uid}`],
    ...["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net", "--unshare-cgroup-try", "--hostname", "sandbox"],
    // A new session: the terminal that the server was started from must not take keystrokes from in here (TIOCSTI).
    ...["--new-session", "--as-pid-1", "--cap-drop", "ALL", "--info-fd", "3", "--clearenv"],
    // What a mistake in the rest would leave writable of /proc owns the host.
    ...["--proc", "/proc", ...procReadOnly.flatMap((path) => ["--ro-bind", path, path]), "--dev", "/dev"],
    ...procHidden.flatMap((path) => ["--ro-bind", "/dev/null", path]),
    ...["/dev/shm", "/tmp", "/var/tmp"].flatMap((path) => ["--perms", "1777", "--size", `${view.tmpBytesMax}`, "--tmpfs", path]),
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
