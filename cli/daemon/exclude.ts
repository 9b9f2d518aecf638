/** What is ours in a workspace is in no commit and no diff of a repository that fills it: a line in `.git/info/exclude`. */
import { Effect } from "effect"
import { directoryBeneath, replaceIn, textIn } from "./beneath.ts"
import { cutEnd } from "./text.ts"

const line = "/.proliferate/"
const bytesMax = 1_048_576

const write = async (workspace: string): Promise<void> => {
  await (await directoryBeneath(workspace, ".git")).close()
  const info = await directoryBeneath(workspace, ".git/info", true)
  try {
    const known = await textIn(info, "exclude", bytesMax).catch((cause) => (cause.code === "ENOENT" ? "" : Promise.reject(cause)))
    if (known === null || known.split("\n").includes(line)) return
    await replaceIn(info, "exclude", `${known}${known === "" || known.endsWith("\n") ? "" : "\n"}${line}\n`)
  } finally {
    await info.close()
  }
}

/** What an agent has made of its `.git` is its own business: where this cannot be written it is left. */
export const excludeOurs = (workspace: string): Effect.Effect<void> =>
  Effect.promise(() =>
    write(workspace).catch((cause) => console.error(cutEnd(`.git/info/exclude could not be written: ${cause.message}`, 500)))
  )
