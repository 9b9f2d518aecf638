/** The records of actions in memory, over a journal in memory; `directory` holds the key of what is sealed. */
import { Layer } from "effect"
import * as MemoryCalls from "../../adapters/memory/calls.ts"
import * as MemoryConnections from "../../adapters/memory/connections.ts"
import * as MemoryGrants from "../../adapters/memory/grants.ts"
import type { JournalState } from "../../adapters/memory/journal-state.ts"
import * as MemoryNotices from "../../adapters/memory/notices.ts"
import * as MemoryRules from "../../adapters/memory/rules.ts"
import * as Seals from "../../adapters/secrets/seals.ts"

export const memoryActions = (state: JournalState, directory: string) =>
  Layer.mergeAll(
    MemoryCalls.layer(state),
    MemoryGrants.layer(state),
    MemoryNotices.layer(state).pipe(Layer.provideMerge(MemoryConnections.layer)),
    MemoryRules.layer,
    Seals.layer(directory)
  )
