/**
 * The system calls that nothing in a sandbox may make: those by which sandboxes have been left before, or that reach what no
 * namespace divides. Each would be refused to a process without capabilities by the kernel's own checks as well, or should be; this
 * is the second wall, and keeps the code behind those calls out of reach. Everything else is allowed: agents run whatever people run.
 *
 * Refused with EPERM, but for what programs try and do without: those hear ENOSYS or EAFNOSUPPORT, as on a kernel that lacks it.
 */
import { type Machine, program, type Rule } from "./bpf.ts"
import { type Architecture, type Call, numbersOf } from "./calls.ts"

const notPermitted = 1
const noSuchCall = 38
const noSuchFamily = 97

const machines: Readonly<Record<Architecture, Machine>> = {
  x64: { audit: 0xc000_003e, foreignFrom: 0x4000_0000 },
  arm64: { audit: 0xc000_00b7, foreignFrom: null }
}

/** CLONE_NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET and NEWNS. */
const newNamespaces = 0x7e02_0000
/** Of unshare alone: in clone it is part of the signal. */
const newTimeNamespace = 0x80

const sockets = { unix: 1, inet: 2, inet6: 10, netlink: 16 }
/** TIOCSTI and TIOCLINUX type into a terminal that someone else reads; TIOCSETD loads line disciplines into the kernel. */
const terminals = [0x5412, 0x541c, 0x5423]
/** PTRACE_ATTACH and PTRACE_SEIZE. A debugger may still start its program, which asks to be traced itself. */
const tracesOthers = [16, 0x4206]
/** PER_LINUX, PER_LINUX32, UNAME26, both, ADDR_NO_RANDOMIZE (sanitizers), and the question which one it is. */
const personalities = [0, 8, 0x2_0000, 0x2_0008, 0x4_0000, 0xffff_ffff]

interface Refusal {
  readonly calls: ReadonlyArray<Call>
  readonly errno: number
  readonly when?: Rule["when"]
}

const refusals: ReadonlyArray<Refusal> = [
  {
    calls: [
      // Code and settings of the kernel.
      ...(["bpf", "create_module", "delete_module", "finit_module", "init_module", "kexec_file_load", "kexec_load"] as const),
      ...(["acct", "clock_settime", "ioperm", "iopl", "reboot", "settimeofday", "swapoff", "swapon", "vhangup"] as const),
      // Keyrings, counters and logs that no namespace divides.
      ...([
        "add_key",
        "keyctl",
        "request_key",
        "perf_event_open",
        "lookup_dcookie",
        "syslog",
        "quotactl",
        "quotactl_fd"
      ] as const),
      // Files by their number on the disk, past every mount.
      "open_by_handle_at",
      // Other processes' memory and files; and pages that stop the kernel where an attacker wants it to stop.
      ...(["kcmp", "pidfd_getfd", "process_vm_readv", "process_vm_writev", "userfaultfd", "uselib"] as const)
    ],
    errno: notPermitted
  },
  // Its requests are made where this filter does not look.
  { calls: ["io_uring_enter", "io_uring_register", "io_uring_setup"], errno: noSuchCall },
  { calls: ["ptrace"], errno: notPermitted, when: { argument: 0, test: { oneOf: tracesOthers } } },
  { calls: ["personality"], errno: notPermitted, when: { argument: 0, test: { noneOf: personalities } } },
  { calls: ["ioctl"], errno: notPermitted, when: { argument: 1, test: { oneOf: terminals } } },
  // Of the others vsock leads out of a virtual machine, and most have had holes.
  {
    calls: ["socket", "socketpair"],
    errno: noSuchFamily,
    when: { argument: 0, test: { noneOf: Object.values(sockets) } }
  }
]

/** What is no use without a namespace of one's own, and that namespace. */
const nesting: ReadonlyArray<Refusal> = [
  {
    calls: [
      ...(["chroot", "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount", "open_tree"] as const),
      ...(["open_tree_attr", "pivot_root", "setdomainname", "sethostname", "setns", "umount2"] as const)
    ],
    errno: notPermitted
  },
  { calls: ["unshare"], errno: notPermitted, when: { argument: 0, test: { any: newNamespaces | newTimeNamespace } } },
  { calls: ["clone"], errno: notPermitted, when: { argument: 0, test: { any: newNamespaces } } },
  // Its flags lie in memory, where a filter cannot look; libraries go back to clone.
  { calls: ["clone3"], errno: noSuchCall }
]

export interface Filter {
  readonly architecture: Architecture
  /** The program of seccomp(2). */
  readonly bytes: Buffer
}

/**
 * Null where this machine's numbers are not known here. `nested`: may have user namespaces of its own, as browsers and some agents
 * want for sandboxes within; this opens much of the kernel to attack.
 */
export const filterFor = (architecture: string, nested: boolean): Filter | null => {
  if (architecture !== "x64" && architecture !== "arm64") return null
  const rules = [...refusals, ...(nested ? [] : nesting)].map(({ calls, errno, when }): Rule => {
    const numbered = numbersOf(architecture, calls)
    return when === undefined ? { calls: numbered, errno } : { calls: numbered, errno, when }
  })
  return { architecture, bytes: program(machines[architecture], rules) }
}
