/**
 * Loaded into a server before anything else (`--import`): its wall clock is off by the milliseconds that stand in the file at
 * CHAOS_CLOCK. Read at the start and again at SIGUSR2, so that a clock jumps under a running server. What counts from a start and
 * not from 1970 is left alone, as on a machine whose clock is set.
 */
import { readFileSync } from "node:fs"

const file = process.env["CHAOS_CLOCK"]
let offsetMs = 0
const read = () => {
  if (file !== undefined) offsetMs = Number(readFileSync(file, "utf8")) || 0
}
read()
process.on("SIGUSR2", read)

const Right = Date
const now = () => Right.now() + offsetMs
globalThis.Date = new Proxy(Right, {
  construct: (_, args, target) =>
    Reflect.construct(Right, args.length === 0 ? [now()] : args, target === globalThis.Date ? Right : target),
  apply: () => new Right(now()).toString(),
  get: (_, key) => (key === "now" ? now : Reflect.get(Right, key))
})
const origin = performance.timeOrigin
Object.defineProperty(performance, "timeOrigin", { get: () => origin + offsetMs })
