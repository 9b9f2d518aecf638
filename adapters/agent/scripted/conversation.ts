/** What was said in one conversation, kept in the home directory as the updates that replay it. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import type * as acp from "@agentclientprotocol/sdk"

/** Older ones are forgotten, so that a long conversation does not replay for ever. */
const entriesMax = 500

export interface Conversation {
  readonly entries: () => ReadonlyArray<acp.SessionUpdate>
  readonly add: (update: acp.SessionUpdate) => void
  readonly save: () => void
}

export const loadConversation = (sessionId: string): Conversation => {
  const directory = join(homedir(), ".scripted-agent")
  const path = join(directory, `${sessionId.replaceAll(/[^A-Za-z0-9_-]/g, "_")}.json`)
  let entries = read(path)
  return {
    entries: () => entries,
    add: (update) => {
      entries = [...entries, update].slice(-entriesMax)
    },
    save: () => {
      mkdirSync(directory, { recursive: true })
      writeFileSync(`${path}.new`, JSON.stringify(entries))
      renameSync(`${path}.new`, path)
    }
  }
}

const read = (path: string): ReadonlyArray<acp.SessionUpdate> => {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as ReadonlyArray<acp.SessionUpdate>
  } catch {
    return []
  }
}
