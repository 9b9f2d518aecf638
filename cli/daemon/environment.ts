/** What commands of the sandbox find around them: our node comes first in PATH, whatever the sandbox has; git never waits for a person. */
import { delimiter, dirname } from "node:path"

export const environment = (home: string, env: Readonly<Record<string, string>> = {}): Record<string, string> => {
  const own = Object.fromEntries(
    Object.entries(process.env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]]))
  )
  const path = [dirname(process.execPath), own["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"].join(delimiter)
  return { ...own, HOME: home, GIT_TERMINAL_PROMPT: "0", ...env, PATH: env["PATH"] ?? path }
}
