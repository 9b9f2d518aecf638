/** What a person must do so that sandboxes work here, as exactly as this machine lets us know. */
import { existsSync, readFileSync } from "node:fs"

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8").trim()
  } catch {
    return ""
  }
}

const installers: ReadonlyArray<readonly [family: RegExp, command: string]> = [
  [/debian|ubuntu/, "apt-get install -y bubblewrap util-linux iproute2"],
  [/fedora|rhel|centos/, "dnf install -y bubblewrap util-linux iproute"],
  [/arch/, "pacman -S --needed bubblewrap util-linux iproute2"],
  [/alpine/, "apk add bubblewrap util-linux iproute2"],
  [/suse/, "zypper install -y bubblewrap util-linux iproute2"]
]

const installer = (): string => {
  const system =
    read("/etc/os-release")
      .match(/^(ID|ID_LIKE)=.*$/gm)
      ?.join(" ") ?? ""
  return installers.find(([family]) => family.test(system))?.[1] ?? "install the packages bubblewrap, util-linux and iproute2"
}

/** In the order in which they are most likely to be the cause. */
export const advice = (): ReadonlyArray<string> => {
  if (process.platform !== "linux") return ["Sandboxes need Linux: run the server in a Linux machine or container."]
  const advised: Array<string> = []
  if (read("/proc/sys/kernel/unprivileged_userns_clone") === "0") {
    advised.push("Allow user namespaces: sudo sysctl -w kernel.unprivileged_userns_clone=1")
  }
  if (read("/proc/sys/user/max_user_namespaces") === "0") {
    advised.push("Allow user namespaces: sudo sysctl -w user.max_user_namespaces=15000")
  }
  if (read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") === "1") {
    advised.push(
      "Allow bubblewrap in AppArmor: sudo apt-get install -y bubblewrap apparmor-profiles && sudo cp /usr/share/apparmor/extra-profiles/bwrap-userns-restrict /etc/apparmor.d/ && sudo systemctl reload apparmor (or, for every program: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0)"
    )
  }
  if (existsSync("/.dockerenv") || existsSync("/run/.containerenv")) {
    advised.push(
      "In a container, start it with: --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined --cap-add SYS_ADMIN"
    )
  }
  advised.push(`Install what is missing: ${installer()}`)
  return advised
}
