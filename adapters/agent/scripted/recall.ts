/** Reads back what an earlier turn noted. */
import { homedir } from "node:os"
import { join } from "node:path"
import type { Script } from "./turn.ts"

/** Outside every repository, so that it is never committed. */
export const notePath = () => join(homedir(), ".agent-notes.md")

export const recall: Script = async ({ say, tools }) => {
  await say("I look it up in my notes.")
  const note = await tools.read(notePath()).catch(() => null)
  if (note === null) return say("I have no notes: no earlier turn wrote any here.")
  await say(`I noted: ${note.trim()}`)
}
