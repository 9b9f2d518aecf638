/**
 * Files that came with a prompt: in the sandbox's home, where a snapshot keeps them, `~/.proliferate/attachments/<turn>/<name>`; and how
 * each is shown to the agent: an image as such, a text whole, to those who take them; anything else as a link to it, which every agent takes.
 */
import { mkdir, open, readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import type * as acp from "@agentclientprotocol/sdk"
import { Effect } from "effect"
import type { PutFile, TurnFile } from "../../actors/ports/daemon.ts"
import type { Ability } from "./handshake.ts"
import { Limits } from "./limits.ts"
import { Place } from "./place.ts"
import { badInput, cannot } from "./refusal.ts"

const images = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"])
const isText = (type: string) => /^text\/|[/+](json|xml|yaml|toml)$/.test(type)

/** Neither part may lead anywhere else. */
const isName = (name: string) => /^[^/\p{Cc}]{1,200}$/u.test(name) && name !== "." && name !== ".."

const reach = <A>(run: () => Promise<A>) =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => cannot("file-failed", `an attachment cannot be put on the disk: ${(cause as Error).message}`)
  })

const folderOf = (home: string, turnId: string) => join(home, ".proliferate", "attachments", turnId)

export const putFile = Effect.fnUntraced(function* ({ turnId, name, offset, data }: typeof PutFile.Type) {
  const { home } = yield* Place
  if (!isName(turnId) || !isName(name)) return yield* badInput("an attachment's turn and name are no names of a file")
  const folder = folderOf(home, turnId)
  yield* reach(async () => {
    await mkdir(folder, { recursive: true })
    const file = await open(join(folder, name), offset === 0 ? "w" : "r+")
    try {
      await file.write(data, 0, data.byteLength, offset)
    } finally {
      await file.close()
    }
  })
})

/** A prompt with its files, as blocks. */
export const blocksOf = Effect.fnUntraced(function* (
  turnId: string,
  text: string,
  files: ReadonlyArray<typeof TurnFile.Type>,
  abilities: ReadonlyArray<Ability>
) {
  const { home } = yield* Place
  const { textFileBytesMax } = yield* Limits
  const blocks: Array<acp.ContentBlock> = []
  for (const { name, type } of files) {
    if (!isName(turnId) || !isName(name)) return yield* badInput("an attachment's turn and name are no names of a file")
    const path = join(folderOf(home, turnId), name)
    const uri = pathToFileURL(path).href
    const { size } = yield* reach(() => stat(path))
    if (images.has(type) && abilities.includes("images")) {
      const data = (yield* reach(() => readFile(path))).toString("base64")
      blocks.push({ type: "image", data, mimeType: type, uri })
    } else if (isText(type) && abilities.includes("files") && size <= textFileBytesMax) {
      blocks.push({ type: "resource", resource: { uri, mimeType: type, text: yield* reach(() => readFile(path, "utf8")) } })
    } else blocks.push({ type: "resource_link", name, uri, mimeType: type, size })
  }
  return [{ type: "text" as const, text }, ...blocks]
})
