/** The scripts, and which of them a prompt asks for: `run: [...]` does exactly that, a question for the note recalls it, all else fixes. */
import { fix } from "./fix.ts"
import { recall } from "./recall.ts"
import { steps } from "./steps.ts"
import type { Script } from "./turn.ts"

export const scripts = { fix, recall, steps } satisfies Record<string, Script>
export type ScriptName = keyof typeof scripts

export const choose = (named: ScriptName | null, prompt: string): Script => {
  if (named !== null) return scripts[named]
  if (/^\s*run:/.test(prompt)) return steps
  return /\bwhat\b.*\bnoted?\b/is.test(prompt) ? recall : fix
}
