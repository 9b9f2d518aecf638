/** Whether a call that is asked for now would be seen by somebody who may decide it: how long it waits depends on that. */
import { Effect } from "effect"
import type { Coordination } from "../../runtime/coordination.ts"
import type { Directory, DirectoryError } from "../ports/directory.ts"
import { watchersOf } from "../watchers.ts"
import { reaches, verbs } from "./access.ts"

export const isAttended = Effect.fnUntraced(function* (
  coordination: Coordination["Service"],
  directory: Directory["Service"],
  org: string,
  sessionId: string
): Effect.fn.Return<boolean, DirectoryError> {
  const watching = new Set(
    (yield* watchersOf(coordination, `${org}/${sessionId}`)).flatMap(({ watchers }) => Object.keys(watchers))
  )
  if (watching.size === 0) return false
  const users = yield* directory.users(org)
  return users.some(({ id, role }) => watching.has(id) && reaches(role, verbs["approvals.decide"]))
})
